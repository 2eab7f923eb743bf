-- Who signs in. `password` is a PHC string (argon2id), `totp` the key of RFC 6238 and `totp_used` the last step whose code was taken;
-- `skills` and `languages` are JSON lists.
CREATE TABLE people (
    name        TEXT PRIMARY KEY,
    display     TEXT NOT NULL,
    role        TEXT NOT NULL,
    password    TEXT NOT NULL,
    totp        BLOB,
    totp_used   INTEGER NOT NULL DEFAULT 0,
    skills      TEXT NOT NULL DEFAULT '[]',
    languages   TEXT NOT NULL DEFAULT '[]',
    capacity    INTEGER NOT NULL DEFAULT 1,
    phone       TEXT,
    disabled    INTEGER NOT NULL DEFAULT 0,
    added       INTEGER NOT NULL
);

-- `token` is the SHA-256 of what the browser keeps.
CREATE TABLE sessions (
    token       BLOB PRIMARY KEY,
    person      TEXT NOT NULL REFERENCES people (name) ON DELETE CASCADE,
    began       INTEGER NOT NULL,
    expires     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_person ON sessions (person);
