-- What campaigns are to do and have done. Whoever writes what the running bot must notice adds one to `changes`; it looks there.
CREATE TABLE changes (
    only        INTEGER PRIMARY KEY CHECK (only = 0),
    n           INTEGER NOT NULL
);
INSERT INTO changes VALUES (0, 0);

-- What is wished of a campaign, of those of which anything ever was; `why` where it was not a person who stopped it.
CREATE TABLE campaigns (
    name        TEXT PRIMARY KEY,
    state       TEXT NOT NULL,
    why         TEXT,
    changed     INTEGER NOT NULL
) WITHOUT ROWID;

-- Whom a campaign calls. `number` is E.164, `zone` the name of a time zone where a column told it, `proof` what shows the consent, `vars` JSON: names
-- to values. `due`: not before; `appointment`: they asked to be called then. `attempts` counts all, `appointments` those of them that were made because
-- they were asked for. `revision` is `changes.n` of the last change.
CREATE TABLE contacts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign    TEXT NOT NULL,
    key         TEXT NOT NULL,
    number      TEXT NOT NULL,
    zone        TEXT,
    proof       TEXT,
    vars        TEXT NOT NULL,
    held_out    INTEGER NOT NULL,
    due         INTEGER NOT NULL,
    appointment INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0,
    appointments INTEGER NOT NULL DEFAULT 0,
    closed      INTEGER,
    outcome     TEXT,
    goal        INTEGER,
    cancelled   TEXT,
    added       INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    UNIQUE (campaign, key)
);
CREATE INDEX contacts_by_number ON contacts (number);
CREATE INDEX contacts_by_revision ON contacts (campaign, revision, id);

-- Each time that somebody is dialled: written before the network is asked, ended when it is known what came of it. One without an end was under way
-- when the program ended. `human`: a person spoke, or was taken for one; `right_person`: it was whom the campaign asked for, NULL where it is not known.
CREATE TABLE attempts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    contact     INTEGER NOT NULL REFERENCES contacts (id),
    campaign    TEXT NOT NULL,
    number      TEXT NOT NULL,
    n           INTEGER NOT NULL,
    appointment INTEGER NOT NULL,
    trunk       TEXT,
    dialled     INTEGER NOT NULL,
    answered    INTEGER,
    ended       INTEGER,
    reach       TEXT,
    answered_by TEXT,
    disposition TEXT,
    call        TEXT,
    seconds     REAL NOT NULL DEFAULT 0,
    human       INTEGER NOT NULL DEFAULT 0,
    right_person INTEGER,
    abandoned   INTEGER NOT NULL DEFAULT 0,
    opted_out   INTEGER NOT NULL DEFAULT 0,
    reason      TEXT,
    quote       TEXT,
    slots       TEXT NOT NULL DEFAULT '{}',
    UNIQUE (contact, n)
);
-- Nobody is rung twice at once.
CREATE UNIQUE INDEX attempts_under_way ON attempts (contact) WHERE ended IS NULL;
CREATE INDEX attempts_by_number ON attempts (number, dialled);
CREATE INDEX attempts_by_campaign ON attempts (campaign, dialled);
CREATE INDEX attempts_by_call ON attempts (call) WHERE call IS NOT NULL;

-- Who is never called: `internal` are those who told us, the others are imported.
CREATE TABLE do_not_call (
    number      TEXT NOT NULL,
    list        TEXT NOT NULL,
    at          INTEGER NOT NULL,
    why         TEXT NOT NULL,
    PRIMARY KEY (number, list)
) WITHOUT ROWID;

-- The lists that there are, also those with nobody on them, and when they were last imported. Numbers of one that is not here yet are on their way.
CREATE TABLE do_not_call_lists (
    list        TEXT PRIMARY KEY,
    at          INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO do_not_call_lists VALUES ('internal', 0);

-- What other systems told. `key` is theirs, so that what is told twice happens once; `handled` is null until a campaign has taken notice.
CREATE TABLE events (
    n           INTEGER PRIMARY KEY AUTOINCREMENT,
    key         TEXT NOT NULL UNIQUE,
    at          INTEGER NOT NULL,
    name        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    body        TEXT NOT NULL,
    handled     INTEGER,
    outcome     TEXT
);
CREATE INDEX events_to_handle ON events (n) WHERE handled IS NULL;

-- Why each number was dialled or was not. `hash` is over the entry and the one before it.
CREATE TABLE audit (
    n           INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    what        TEXT NOT NULL,
    previous    TEXT NOT NULL,
    hash        TEXT NOT NULL
);

-- What other systems are to be told: `endpoint` is a name of the configuration. `done` is null until it was told or given up, and `why` says what went wrong last.
CREATE TABLE webhooks (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint    TEXT NOT NULL,
    body        TEXT NOT NULL,
    made        INTEGER NOT NULL,
    due         INTEGER NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    done        INTEGER,
    why         TEXT
);
CREATE INDEX webhooks_to_do ON webhooks (endpoint, due) WHERE done IS NULL;
