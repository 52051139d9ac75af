//! Who the application is, and what its role may do besides.

use crate::postgres::row::verify::PgFault;
use crate::postgres::row::verify::check::Check;

/// A role cannot stop being the administrator, so the application needs another one. It is made without rights.
macro_rules! another_role {
    ($name:literal) => {
        concat!("format('create role %I login', left(", $name, ", 59) || '_app')")
    };
}

/// The only check if one role is declared for both.
pub(in crate::postgres::row::verify) const SHARED: Check = Check {
    fault: PgFault::RoleShared,
    sql: concat!("\nselect quote_ident($4), ", another_role!("$4")),
};

pub(in crate::postgres::row::verify) const CHECKS: &[Check] = &[
    Check {
        fault: PgFault::RoleMissing,
        sql: "
select quote_ident($4), format('create role %I login', $4) where not exists (select from application)",
    },
    // The server's first superuser, and the owner of the database or the current user, is not the application's by mistake of an
    // attribute: it is the wrong role.
    Check {
        fault: PgFault::RoleBypasses,
        sql: concat!(
            "
select quote_ident(r.rolname), case when r.oid = 10 or r.rolname in (session_user, current_user)
        or r.oid in (select datdba from pg_database where datname = current_database()) then ",
            another_role!("r.rolname"),
            "
    else format('alter role %I nosuperuser nobypassrls', r.rolname)
        || case when r.rolcreaterole then ' nocreaterole' else '' end
        || case when r.rolreplication then ' noreplication' else '' end end
from pg_roles r where r.rolname = $4 and (r.rolsuper or r.rolbypassrls)"
        ),
    },
    Check {
        fault: PgFault::RoleManages,
        sql: "
select quote_ident(rolname), format('alter role %I nocreaterole noreplication', rolname)
from pg_roles where rolname = $4 and (rolcreaterole or rolreplication) and not rolsuper",
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
    or r.oid in (select relowner from guarded) or r.oid in (select oid from administrator)
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
from pg_namespace n
cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) g
where (n.nspname in (select schema from declared) or n.oid in (select relnamespace from guarded))
    and g.privilege_type = 'CREATE' and (g.grantee = 0 or g.grantee in (select oid from acting))",
    },
];
