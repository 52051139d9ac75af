//! Who the application is, and what its role may do besides.

use crate::postgres::row::verify::PgFault;
use crate::postgres::row::verify::check::Check;

/// A role cannot stop being the administrator, so the application needs another one. It is made without rights.
macro_rules! another_role {
    ($name:literal) => {
        concat!("format('create role %I login', left(", $name, ", 59) || '_app')")
    };
}

/// What mends the role `r`, unless `r` is not the application's by mistake of an attribute: the server's first superuser,
/// the owner of the database, and the role that verifies are the wrong role. They keep what they have, and the application
/// gets another one.
macro_rules! unless_wrong_role {
    ($name:literal, $mend:literal) => {
        concat!(
            "case when r.oid = 10 or r.rolname in (session_user, current_user)
        or r.oid in (select datdba from pg_database where datname = current_database()) then ",
            another_role!($name),
            "
    else ",
            $mend,
            " end"
        )
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
    Check {
        fault: PgFault::RoleBypasses,
        sql: concat!(
            "
select quote_ident(r.rolname), ",
            unless_wrong_role!(
                "r.rolname",
                "format('alter role %I nosuperuser nobypassrls', r.rolname)
        || case when r.rolcreaterole then ' nocreaterole' else '' end
        || case when r.rolreplication then ' noreplication' else '' end"
            ),
            "
from pg_roles r where r.rolname = $4 and (r.rolsuper or r.rolbypassrls)"
        ),
    },
    Check {
        fault: PgFault::RoleManages,
        sql: concat!(
            "
select quote_ident(r.rolname), ",
            unless_wrong_role!(
                "r.rolname",
                "format('alter role %I nocreaterole noreplication', r.rolname)"
            ),
            "
from pg_roles r where r.rolname = $4 and (r.rolcreaterole or r.rolreplication) and not r.rolsuper"
        ),
    },
    // A superuser is a member of everything; that is said already.
    Check {
        fault: PgFault::RoleMember,
        sql: concat!(
            "
, memberships as (
    select m.roleid, m.roleid as through from pg_auth_members m join application a on m.member = a.oid
    union select m.roleid, s.through from pg_auth_members m join memberships s on m.member = s.roleid
)
select distinct quote_ident(o.rolname), ",
            unless_wrong_role!("r.rolname", "format('revoke %I from %I', g.rolname, $4)"),
            "
from memberships s join pg_roles o on o.oid = s.roleid join pg_roles g on g.oid = s.through
cross join pg_roles r
where r.rolname = $4 and (o.rolsuper or o.rolbypassrls or o.rolcreaterole
    or o.oid in (select relowner from guarded) or o.oid in (select oid from administrator)
    or o.rolname in ('pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program',
        'pg_read_server_files', 'pg_write_server_files', 'pg_maintain', 'pg_database_owner'))
order by 1"
        ),
    },
    // The role that verifies owns it on purpose.
    Check {
        fault: PgFault::DatabaseOwned,
        sql: concat!(
            "
select quote_ident(d.datname), case when r.rolname in (session_user, current_user) then ",
            another_role!("r.rolname"),
            "
    else format('alter database %I owner to %I', d.datname, $5) end
from pg_database d join pg_roles r on r.rolname = $4
where d.datname = current_database() and d.datdba in (select oid from acting)"
        ),
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
