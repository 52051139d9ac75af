-- A subject is unique with its issuer only; '' is any issuer. Roles are lines.
create table tenancy_members_by_issuer (
    tenant text not null references tenancy_tenants (id),
    subject text not null,
    issuer text not null default '',
    roles text not null default '',
    primary key (tenant, subject, issuer)
) without rowid;

insert into tenancy_members_by_issuer (tenant, subject) select tenant, subject from tenancy_members;

drop table tenancy_members;

alter table tenancy_members_by_issuer rename to tenancy_members;
