-- Notes of one tenant in a schema or a database of its own (strategies `schema` and `database`).
CREATE TABLE notes (
    id         text NOT NULL PRIMARY KEY,
    body       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX notes_by_time ON notes (created_at, id);
