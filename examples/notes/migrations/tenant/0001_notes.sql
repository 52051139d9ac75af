-- Notes of one tenant in a file of its own (strategy `database`).
CREATE TABLE notes (
    id         TEXT NOT NULL PRIMARY KEY,
    body       TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT, WITHOUT ROWID;

CREATE INDEX notes_by_time ON notes (created_at, id);
