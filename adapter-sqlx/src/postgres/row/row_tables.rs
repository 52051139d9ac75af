//! What PostgreSQL needs to keep rows apart: policies, defaults, grants.

use std::fmt;
use std::str::FromStr;

use sqlx::PgConnection;
use tenancy_core::names::TenantId;

use super::citus::Citus;
use super::table::PgTenantTable;
#[cfg(doc)]
use super::table_grants::PgTableGrants;
use super::view::PgTenantView;
use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};

/// The setting of a transaction that says which tenant it is bound to. The default is `app.tenant_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgSetting(String);

impl PgSetting {
    /// The setting unless another is named.
    pub const DEFAULT: &'static str = "app.tenant_id";

    pub(in crate::postgres) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for PgSetting {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

/// Two parts, each of lower-case letters, digits and `_`, not starting with a digit.
impl FromStr for PgSetting {
    type Err = ParseSettingError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_part = |part: &str| {
            let is_character = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
            part.bytes().all(is_character) && part.starts_with(|first: char| !first.is_ascii_digit())
        };
        let is_setting = name.len() <= PgIdentifier::MAX_LEN
            && name
                .split_once('.')
                .is_some_and(|(class, setting)| is_part(class) && is_part(setting));
        if is_setting {
            Ok(Self(name.to_owned()))
        } else {
            Err(ParseSettingError(()))
        }
    }
}

/// A text that is not a [`PgSetting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseSettingError(());

impl fmt::Display for ParseSettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a setting is two names of `a` to `z`, digits and `_` with a dot between, as in `app.tenant_id`")
    }
}

impl std::error::Error for ParseSettingError {}

/// The declaration of tables that tenants share, and the SQL that follows from it.
///
/// Each table has:
///
/// - a default for the tenant's column, so that an `INSERT` may leave it out, and `NOT NULL`;
/// - row-level security, enabled and forced, so that it holds for the owner too;
/// - one permissive policy for the application's roles and one for the administrator's, who owns the tables;
/// - one restrictive policy for the application's roles: a row is the tenant's that the transaction is
///   bound to, or it is not there. Without a tenant there are no rows, and no row can be written;
/// - the application's [grants](PgTableGrants), and never `TRUNCATE`. They are given once, while nobody has been granted
///   anything yet: on the table, on the sequences of its defaults, and on its schema. What an operator revokes
///   afterwards stays revoked.
///
/// ```
/// use tenancy_sqlx::{PgRowTables, PgTenantTable};
///
/// let schema = PgRowTables::new("app", "admin")?.with_table(PgTenantTable::new("notes")?);
/// assert!(schema.sql().contains(r#"alter table "public"."notes" force row level security;"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "RLS")]
#[doc(alias = "row-level security")]
#[derive(Clone, Debug)]
pub struct PgRowTables {
    applications: Vec<PgIdentifier>,
    administrator: PgIdentifier,
    tables: Vec<PgTenantTable>,
    views: Vec<PgTenantView>,
    shared: Vec<(PgIdentifier, PgIdentifier)>,
    setting: PgSetting,
    citus: Option<Citus>,
    /// The length of the shortest tenant column that has one, once the database was looked at.
    longest_id: Option<usize>,
}

impl PgRowTables {
    /// A declaration without tables, for these two roles.
    ///
    /// # Errors
    ///
    /// If a name is not valid.
    pub fn new(application: &str, administrator: &str) -> Result<Self, ParseIdentifierError> {
        Ok(Self {
            applications: vec![application.parse()?],
            administrator: administrator.parse()?,
            tables: Vec::new(),
            views: Vec::new(),
            shared: Vec::new(),
            setting: PgSetting::default(),
            citus: None,
            longest_id: None,
        })
    }

    /// Declares another role by which services serve the same tables. It has the same grants.
    ///
    /// A service that is deployed by itself need not know the others: roles that the policies name already stay in them.
    ///
    /// # Errors
    ///
    /// If the name is not valid.
    pub fn with_application(mut self, role: &str) -> Result<Self, ParseIdentifierError> {
        let role: PgIdentifier = role.parse()?;
        if !self.applications.contains(&role) {
            self.applications.push(role);
        }
        Ok(self)
    }

    /// Declares a table that holds tenants' rows.
    #[must_use]
    pub fn with_table(mut self, table: PgTenantTable) -> Self {
        self.tables.push(table);
        self
    }

    /// Declares a view of declared tables that the application reads.
    ///
    /// The right to read it is granted where nothing was granted or revoked on it yet. [`verify`](Self::verify) finds a
    /// declared view that is missing, is not a plain view, reads as its owner, or reads no declared table.
    #[must_use]
    pub fn with_view(mut self, view: PgTenantView) -> Self {
        self.views.push(view);
        self
    }

    /// Declares a table that is every tenant's: the application may write rows that all tenants read, as in a list of
    /// currencies. [`verify`](Self::verify) then no longer [reports](crate::PgReport::shared_tables) it.
    ///
    /// It needs no tenant's column, and gets no policies and no rights.
    ///
    /// # Errors
    ///
    /// If a name is not valid.
    pub fn with_shared_table(mut self, schema: &str, name: &str) -> Result<Self, ParseIdentifierError> {
        self.shared.push((schema.parse()?, name.parse()?));
        Ok(self)
    }

    /// Names the setting that says which tenant a transaction is bound to.
    #[must_use]
    pub fn with_setting(self, setting: PgSetting) -> Self {
        Self { setting, ..self }
    }

    /// Declares the tables for a [Citus](https://www.citusdata.com) cluster, which distributes them by the tenant's column.
    ///
    /// There is one policy of the application then, the tenant's, and it is permissive: Citus copies policies to its shards
    /// without the word `restrictive` (seen on Citus 13). Row-level security is not forced, or shards could not be moved
    /// while they are written. [`apply`](Self::apply) and [`sql`](Self::sql) distribute what is not distributed yet, and
    /// [`verify`](Self::verify) compares every shard with the coordinator, which it finds unsafe if a node does not answer.
    ///
    /// A query that does not name the tenant is sent to every shard. The strategy `schema` has no such cost, and runs
    /// queries as they are: prefer it, with [`PgSchemaBuilder::with_citus`](crate::PgSchemaBuilder::with_citus).
    ///
    /// # Security
    ///
    /// Connect to the coordinator alone, and let it have no shards. A policy that somebody makes beside the tenant's shows
    /// its rows at once, and is found when the strategy is opened or verified.
    #[must_use]
    pub fn with_citus(mut self) -> Self {
        self.citus.get_or_insert_default();
        self
    }

    /// Declares a table without tenants that each worker of a Citus cluster has a copy of, so that tenants' tables may refer to
    /// it. This implies [`with_citus`](Self::with_citus).
    ///
    /// # Errors
    ///
    /// If a name is not valid.
    pub fn with_reference_table(mut self, schema: &str, name: &str) -> Result<Self, ParseIdentifierError> {
        let table = (schema.parse()?, name.parse()?);
        self.citus.get_or_insert_default().reference_tables.push(table);
        Ok(self)
    }

    /// The declared tables.
    #[must_use]
    pub fn tables(&self) -> &[PgTenantTable] {
        &self.tables
    }

    /// Whether the table is declared as every tenant's.
    pub(in crate::postgres::row) fn is_shared_table(&self, schema: &str, name: &str) -> bool {
        let is_it =
            |(in_schema, named): &(PgIdentifier, PgIdentifier)| in_schema.as_str() == schema && named.as_str() == name;
        self.shared.iter().any(is_it)
    }

    /// The declared views.
    #[must_use]
    pub fn views(&self) -> &[PgTenantView] {
        &self.views
    }

    /// One name of each declared view.
    pub(in crate::postgres) fn view_names(&self, of: fn(&PgTenantView) -> &PgIdentifier) -> Vec<String> {
        self.views.iter().map(|view| of(view).as_str().to_owned()).collect()
    }

    /// What grants the application the declared views.
    pub(in crate::postgres) fn views_sql(&self) -> String {
        let roles = self.application_list();
        self.views.iter().map(|view| view.grant_sql(&roles)).collect()
    }

    /// One name of each declared table.
    pub(in crate::postgres) fn names(&self, of: fn(&PgTenantTable) -> &PgIdentifier) -> Vec<String> {
        self.tables.iter().map(|table| of(table).as_str().to_owned()).collect()
    }

    /// The roles of the application, one or more.
    pub(in crate::postgres) fn applications(&self) -> &[PgIdentifier] {
        &self.applications
    }

    /// The roles of the application as SQL spells the list.
    pub(in crate::postgres) fn application_list(&self) -> String {
        let roles: Vec<String> = self.applications.iter().map(ToString::to_string).collect();
        roles.join(", ")
    }

    pub(in crate::postgres) const fn administrator(&self) -> &PgIdentifier {
        &self.administrator
    }

    pub(in crate::postgres) const fn setting(&self) -> &PgSetting {
        &self.setting
    }

    /// The SQL, to read and to put into a migration. Running it again changes nothing, but it locks the tables each
    /// time: [`apply`](Self::apply) looks first.
    ///
    /// It must run in one transaction. It grants only what nobody has been granted or refused anything on, and leaves
    /// roles of other services in the policies. It fails if a policy of theirs says something else.
    #[must_use]
    pub fn sql(&self) -> String {
        let tables = self.tables.iter().map(|table| self.table_sql(table));
        tables
            .chain(self.distribution_sql())
            .chain([self.views_sql()])
            .collect()
    }

    pub(in crate::postgres) const fn citus(&self) -> Option<&Citus> {
        self.citus.as_ref()
    }

    pub(in crate::postgres) const fn is_on_citus(&self) -> bool {
        self.citus.is_some()
    }

    /// On a cluster, what distributes the tables that are not distributed yet.
    pub(in crate::postgres) fn distribution_sql(&self) -> Option<String> {
        self.citus.as_ref().map(|citus| citus.distribution_sql(&self.tables))
    }

    /// Whether the id is the one spelling of its value in every declared table, and has room in it.
    pub(in crate::postgres) fn is_canonical(&self, id: &TenantId) -> bool {
        let has_room = self.longest_id.is_none_or(|length| id.as_str().len() <= length);
        has_room
            && self
                .tables
                .iter()
                .all(|table| table.tenant_column_type().is_canonical(id))
    }

    /// Reads how long an id may be. The catalog adds 4 to the length of a `varchar`.
    pub(in crate::postgres) async fn read_lengths(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let sql = "
select pg_catalog.min(a.atttypmod) - 4 from unnest($1::text[], $2::text[], $3::text[]) as d(schema, name, col)
join pg_catalog.pg_namespace n on n.nspname = d.schema
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = d.name
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = d.col and not a.attisdropped
where a.atttypid = 'pg_catalog.varchar'::pg_catalog.regtype and a.atttypmod >= 0";
        let length: Option<i32> = sqlx::query_scalar(sql)
            .bind(self.names(PgTenantTable::schema))
            .bind(self.names(PgTenantTable::name))
            .bind(self.names(PgTenantTable::tenant_column))
            .fetch_one(connection)
            .await?;
        self.longest_id = length.and_then(|length| usize::try_from(length).ok());
        Ok(())
    }

    /// The transaction's tenant, as the column's type. Unset and empty are null, and equal nothing: after
    /// its transaction a setting is empty, not unset.
    pub(in crate::postgres) fn tenant(&self, table: &PgTenantTable) -> String {
        format!(
            "nullif(pg_catalog.current_setting('{}', true), '')::{}",
            self.setting.0,
            table.tenant_column_type().sql_type()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_two_plain_names() {
        for name in ["app.tenant_id", "a._1"] {
            assert!(name.parse::<PgSetting>().is_ok(), "{name}");
        }
        for name in [
            "", "app", "app.", ".id", "app.1d", "App.id", "a.b.c", "app.i'd", "a b.c", "1a.b",
        ] {
            assert!(name.parse::<PgSetting>().is_err(), "{name}");
        }
    }
}
