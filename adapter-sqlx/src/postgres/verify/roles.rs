//! Who the application is, and what its role may do besides.

use super::{Check, PgFault};

pub(super) const CHECKS: &[Check] = &[
    Check {
        fault: PgFault::RoleMissing,
        sql: "
select quote_ident($4), format('create role %I login', $4) where not exists (select from application)",
    },
    Check {
        fault: PgFault::RoleBypasses,
        sql: "
select quote_ident(rolname), format('alter role %I nosuperuser nobypassrls', rolname)
from pg_roles where rolname = $4 and (rolsuper or rolbypassrls)",
    },
    Check {
        fault: PgFault::RoleManages,
        sql: "
select quote_ident(rolname), format('alter role %I nocreaterole noreplication', rolname)
from pg_roles where rolname = $4 and (rolcreaterole or rolreplication)",
    },
    // A superuser is a member of everything; that is said already.
    Check {
        fault: PgFault::RoleMember,
        sql: "
, memberships as (
    select m.roleid, m.roleid as through from pg_auth_members m join application a on m.member = a.oid
    union select m.roleid, s.through from pg_auth_members m join memberships s on m.member = s.roleid
)
select distinct quote_ident(r.rolname), format('revoke %I from %I', g.rolname, $4)
from memberships s join pg_roles r on r.oid = s.roleid join pg_roles g on g.oid = s.through
where r.rolsuper or r.rolbypassrls or r.rolcreaterole
    or r.oid in (select relowner from declared) or r.oid in (select oid from administrator)
    or r.rolname in ('pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program',
        'pg_read_server_files', 'pg_write_server_files', 'pg_maintain', 'pg_database_owner')
order by 1",
    },
    Check {
        fault: PgFault::DatabaseOwned,
        sql: "
select quote_ident(d.datname), format('alter database %I owner to %I', d.datname, $5)
from pg_database d where d.datname = current_database() and d.datdba in (select oid from acting)",
    },
    Check {
        fault: PgFault::SchemaCreate,
        sql: "
select distinct quote_ident(n.nspname), format('revoke create on schema %I from public, %s', n.nspname,
    (select string_agg(quote_ident(rolname), ', ' order by rolname) from acting))
from declared d join pg_namespace n on n.nspname = d.schema
cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) g
where g.privilege_type = 'CREATE' and (g.grantee = 0 or g.grantee in (select oid from acting))",
    },
];
