//! One query about the objects of some schemas.

/// A query that answers with rows of a schema, the kind and the name of an object in it, the table that it belongs to, and what of it is
/// compared, in the order of `aspects`.
///
/// Its search path is `pg_catalog`, so that the server writes all other names with their schemas. `$1` are the schemas' names, `$2` the
/// application's role and `$3` the administrator's, which may be called otherwise on another server.
pub(super) struct Question {
    pub(super) aspects: &'static [&'static str],
    pub(super) sql: String,
}

/// The schemas, and their tables, views and sequences. What belongs to an extension is the extension's matter.
const TARGETS: &str = "
with roles as (
    select $2::text as application, $3::text as administrator
), s as (
    select n.oid, n.nspname::text as nspname, n.nspowner, n.nspacl from pg_namespace n where n.nspname = any ($1::text[])
), rel as (
    select c.*, s.nspname from s join pg_class c on c.relnamespace = s.oid
    where not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
)";

impl Question {
    pub(super) fn new(aspects: &'static [&'static str], sql: impl AsRef<str>) -> Self {
        Self {
            aspects,
            sql: format!("{TARGETS}{}", sql.as_ref()),
        }
    }
}

/// The name of a role by its number.
pub(super) fn role(oid: &str) -> String {
    format!(
        "(case when {oid} = 0 then 'public' else coalesce((select case named.rolname when roles.application then '@application'
            when roles.administrator then '@administrator' else named.rolname::text end
            from pg_roles named, roles where named.oid = {oid}),
            ({oid})::text) end)"
    )
}

/// Who has which rights, whatever the order in which they were granted. Without any grant or revocation they are the default ones.
pub(super) fn rights(acl: &str, kind: char, owner: &str) -> String {
    grants(&format!("coalesce({acl}, acldefault('{kind}', {owner}))"))
}

/// The same, of rights without defaults.
pub(super) fn grants(acl: &str) -> String {
    let role = role("granted.grantee");
    format!(
        "(select string_agg(per_role.line, ', ' order by per_role.line) from (
            select {role} || ': ' || string_agg(lower(granted.privilege_type) || case when granted.is_grantable then ' with grant option'
                else '' end, ' and ' order by granted.privilege_type, granted.is_grantable) as line
            from aclexplode({acl}) granted group by granted.grantee
        ) per_role)"
    )
}

/// Whether an object is not a part of an extension.
pub(super) fn is_own(class: &str, oid: &str) -> String {
    format!(
        "not exists (select from pg_depend e where e.classid = '{class}'::regclass and e.objid = {oid} and e.deptype = 'e')"
    )
}

/// Texts of an array, whatever their order.
pub(super) fn sorted(array: &str) -> String {
    format!("(select string_agg(element, ', ' order by element) from unnest({array}) element)")
}
