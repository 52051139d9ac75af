-- A tenant's own file.
create table notes (
    id text not null primary key,
    body text not null,
    stars integer not null default 0
);
