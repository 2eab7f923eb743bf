-- Questions that the knowledge had no answer to.
CREATE TABLE knowledge_gaps (
    call        TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    n           INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    question    TEXT NOT NULL,
    language    TEXT NOT NULL,
    best_score  REAL,
    best_source TEXT,
    PRIMARY KEY (call, n)
) WITHOUT ROWID;
CREATE INDEX knowledge_gaps_by_time ON knowledge_gaps (at);
