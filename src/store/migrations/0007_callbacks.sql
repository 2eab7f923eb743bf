-- Who is to be called back: `ended` and `outcome` are null until it is known how that went. `n` counts those of one call. Where no `trunk` is known the
-- customer is dialled by `address`, a SIP URI.
CREATE TABLE callbacks (
    call        TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    n           INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    number      TEXT NOT NULL,
    trunk       TEXT,
    address     TEXT,
    queue       TEXT NOT NULL,
    language    TEXT NOT NULL,
    priority    INTEGER NOT NULL,
    ended       INTEGER,
    outcome     TEXT,
    PRIMARY KEY (call, n)
) WITHOUT ROWID;
