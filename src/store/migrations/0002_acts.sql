ALTER TABLE calls ADD COLUMN disposition TEXT;
-- JSON: names to values as they may be kept.
ALTER TABLE calls ADD COLUMN slots TEXT NOT NULL DEFAULT '{}';

-- What the bot had done, or wrote down for people to do.
CREATE TABLE acts (
    call        TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    n           INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    failure     TEXT,
    detail      TEXT NOT NULL,
    PRIMARY KEY (call, n)
) WITHOUT ROWID;
