//! What PostgreSQL needs to keep rows apart: policies, defaults, grants.

use sqlx::PgConnection;
use tenancy_core::names::TenantId;

use super::citus::Citus;
use super::setting_name::PgSetting;
use super::table::PgTenantTable;
#[cfg(doc)]
use super::table_grants::PgTableGrants;
use super::view::PgTenantView;
use crate::StrategyError;
use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};

/// Stands for an administrator that is not known. PostgreSQL lets no role have a name that begins like this.
pub(in crate::postgres::row) const NOBODY: &str = "pg_no_administrator";

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
    /// Whether the declaration names the administrator. If not, [`NOBODY`] stands in its place.
    names_administrator: bool,
    tables: Vec<PgTenantTable>,
    views: Vec<PgTenantView>,
    shared: Vec<(PgIdentifier, PgIdentifier)>,
    /// What the names of tenants' own schemas begin with.
    tenant_schemas: Option<String>,
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
            names_administrator: true,
            tables: Vec::new(),
            views: Vec::new(),
            shared: Vec::new(),
            tenant_schemas: None,
            setting: PgSetting::default(),
            citus: None,
            longest_id: None,
        })
    }

    /// A declaration without tables, for a process that knows the application's role alone.
    ///
    /// It verifies; [`apply`](Self::apply) and [`adopt`](Self::adopt) need the administrator's role, and fail. In
    /// [`sql`](Self::sql) the administrator is the role that runs it.
    pub(in crate::postgres) fn for_application(application: &str) -> Result<Self, ParseIdentifierError> {
        Ok(Self {
            names_administrator: false,
            ..Self::new(application, NOBODY)?
        })
    }

    /// Names the administrator if the declaration does not.
    pub(in crate::postgres::row) fn with_administrator(self, administrator: PgIdentifier) -> Self {
        Self {
            administrator,
            names_administrator: true,
            ..self
        }
    }

    /// Whether the administrator's role is known.
    pub(in crate::postgres::row) const fn names_administrator(&self) -> bool {
        self.names_administrator
    }

    /// Refuses a declaration that names no administrator.
    pub(in crate::postgres::row) const fn require_administrator(
        &self,
        operation: &'static str,
    ) -> Result<(), StrategyError> {
        if self.names_administrator {
            Ok(())
        } else {
            Err(StrategyError::NeedsAdministrator { operation })
        }
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

    /// Says that the strategy [`schema`](crate::PgSchemaStrategy) keeps tenants' own schemas in the same database, whose names
    /// begin with this prefix. The application writes their tables, and [`verify`](Self::verify) does not
    /// [report](crate::PgReport::shared_tables) each of them as every tenant's.
    ///
    /// # Security
    ///
    /// It changes no right: SQL that names a tenant's schema reaches it, from tenants under `row` too.
    #[must_use]
    pub fn with_tenant_schemas(self, prefix: impl Into<String>) -> Self {
        Self {
            tenant_schemas: Some(prefix.into()),
            ..self
        }
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
        // An empty prefix would hide the tables of every schema.
        let is_tenants =
            |prefix: &String| !prefix.is_empty() && schema.len() > prefix.len() && schema.starts_with(prefix);
        self.shared.iter().any(is_it) || self.tenant_schemas.as_ref().is_some_and(is_tenants)
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
            self.setting.as_str(),
            table.tenant_column_type().sql_type()
        )
    }
}
