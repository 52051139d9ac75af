-- The tables of the plan `free`, which tenants share. Each key begins with the tenant, whose column is never written:
-- its default is the tenant of the transaction.
create table people (
    tenant_id text not null,
    subject text not null,
    name text not null,
    primary key (tenant_id, subject)
);

create table counters (
    tenant_id text not null,
    name text not null,
    value bigint not null,
    primary key (tenant_id, name)
);

create table tickets (
    tenant_id text not null,
    number bigint not null,
    title text not null check (length(title) between 1 and 200),
    body text not null,
    author text not null,
    priority text not null default 'normal',
    is_open boolean not null default true,
    primary key (tenant_id, number),
    foreign key (tenant_id, author) references people (tenant_id, subject)
);
