-- The same tables in a tenant's own schema or database. Primary keys are named alike under both, `tickets_pkey`, so that an
-- upsert may name one.
create table people (
    subject text primary key,
    name text not null
);

create table counters (
    name text primary key,
    value bigint not null
);

create table tickets (
    number bigint primary key,
    title text not null check (length(title) between 1 and 200),
    body text not null,
    author text not null references people (subject),
    priority text not null default 'normal',
    is_open boolean not null default true
);
