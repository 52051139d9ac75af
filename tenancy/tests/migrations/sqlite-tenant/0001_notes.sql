create table notes (id text not null primary key, body text not null);
