-- What agents noted after a call: `draft` is what was suggested to them, `text` what they left of it, `distance` how many characters they
-- changed. `author` is a name of `people`, also of one who is there no more.
CREATE TABLE notes (
    call        TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    n           INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    author      TEXT NOT NULL,
    draft       TEXT NOT NULL,
    text        TEXT NOT NULL,
    decision    TEXT NOT NULL,
    distance    INTEGER NOT NULL,
    disposition TEXT,
    PRIMARY KEY (call, n)
) WITHOUT ROWID;

-- Whoever has called before.
CREATE INDEX calls_by_caller ON calls (caller, began);
