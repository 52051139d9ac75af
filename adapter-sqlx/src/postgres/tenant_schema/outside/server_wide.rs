//! What a transaction changed that belongs to the database or the server as a whole: settings, roles, comments.

use sqlx::PgConnection;

/// The search paths that roles and the database preset, as one text.
///
/// A preset holds for later sessions only, so the path of the session does not tell of it.
pub(in crate::postgres::tenant_schema) const SEARCH_PATHS: &str = "
select coalesce(string_agg(concat_ws(' ', s.setdatabase, s.setrole, i.item), ',' order by s.setdatabase, s.setrole, i.item), '')
from pg_catalog.pg_db_role_setting s cross join unnest(s.setconfig) as i(item)
where i.item ~* '^search_path='";

/// What this transaction wrote. PostgreSQL keeps a lock on these catalogs until the transaction ends.
pub(in crate::postgres::tenant_schema) const WRITTEN: &str = "
select case l.relation when 'pg_catalog.pg_db_role_setting'::pg_catalog.regclass then 'a setting of a role or of the database'
    when 'pg_catalog.pg_authid'::pg_catalog.regclass then 'a role'
    when 'pg_catalog.pg_auth_members'::pg_catalog.regclass then 'a membership in a role'
    when 'pg_catalog.pg_shdescription'::pg_catalog.regclass then 'a comment on a role or a database'
    else pg_catalog.format('the catalog %s', l.relation::pg_catalog.regclass) end as name
from pg_catalog.pg_locks l
where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.mode = 'RowExclusiveLock'
    and l.relation in ('pg_catalog.pg_db_role_setting'::pg_catalog.regclass, 'pg_catalog.pg_authid'::pg_catalog.regclass,
        'pg_catalog.pg_auth_members'::pg_catalog.regclass, 'pg_catalog.pg_shdescription'::pg_catalog.regclass,
        'pg_catalog.pg_tablespace'::pg_catalog.regclass,
        'pg_catalog.pg_subscription'::pg_catalog.regclass)
order by 1";

/// The preset search paths before a migration.
pub(in crate::postgres::tenant_schema) struct PresetPaths(String);

impl PresetPaths {
    /// What [`SEARCH_PATHS`] says.
    pub(in crate::postgres::tenant_schema) const fn new(paths: String) -> Self {
        Self(paths)
    }

    /// Whether this transaction, which [wrote](WRITTEN) these, changed them. Others may do so at the same time.
    pub(in crate::postgres::tenant_schema) async fn have_changed(
        &self,
        written: &[String],
        transaction: &mut PgConnection,
    ) -> Result<bool, sqlx::Error> {
        if !written.iter().any(|name| name.contains("setting")) {
            return Ok(false);
        }
        let now: String = sqlx::query_scalar(SEARCH_PATHS).fetch_one(transaction).await?;
        Ok(now != self.0)
    }
}
