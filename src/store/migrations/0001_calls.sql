-- Times are milliseconds since 1970-01-01 UTC; spans are milliseconds.
CREATE TABLE calls (
    id          TEXT PRIMARY KEY,
    caller      TEXT NOT NULL,
    callee      TEXT NOT NULL,
    plan        TEXT NOT NULL,
    plan_hash   TEXT NOT NULL,
    assistant   TEXT NOT NULL,
    began       INTEGER NOT NULL,
    answered    INTEGER,
    ended       INTEGER,
    ending      TEXT,
    path        TEXT NOT NULL DEFAULT '[]',
    recording   TEXT
);
CREATE INDEX calls_by_time ON calls (began);

CREATE TABLE lines (
    call        TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    n           INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    speaker     TEXT NOT NULL,
    text        TEXT NOT NULL,
    PRIMARY KEY (call, n)
) WITHOUT ROWID;

CREATE TABLE turns (
    call        TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    n           INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    end_of_turn REAL NOT NULL,
    hearing     REAL NOT NULL,
    dialogue    REAL NOT NULL,
    voice       REAL NOT NULL,
    pacing      REAL NOT NULL,
    PRIMARY KEY (call, n)
) WITHOUT ROWID;
