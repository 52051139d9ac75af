//! What migrations make, in a database that is made for it and dropped afterwards.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::reader::{self, Roles, Scope};
use crate::StrategyError;
use crate::drift::{Catalog, OwnName, Surveyed};
use crate::postgres::database::found::{execute_when_unused, locked};
use crate::postgres::execute::execute;
use crate::postgres::identifier::{Literal, PgIdentifier};
use crate::postgres::tenant_schema::names::SchemaNames;
use crate::postgres::tenant_schema::outside::reach::Reach;
use crate::postgres::tenant_schema::provision::Provisioning;

/// What such a database is described as.
const COMMENT: &str = "comparison of tenants' catalogs, dropped after it";

/// The databases of this name and description that are the administrator's.
const FOUND: &str = "
select d.datname::text from pg_catalog.pg_database d
where d.datname ~ '^tenancy_drift_[0-9a-f]{32}$' and pg_catalog.pg_get_userbyid(d.datdba) = current_user
    and coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), $1) = $1
order by 1";

/// What a comparison is made of.
pub(super) struct Throwaway<'t> {
    pub(super) administrator: &'t PgConnectOptions,
    pub(super) application: &'t PgIdentifier,
    pub(super) roles: Roles,
    pub(super) place: ThrowawayPlace<'t>,
    pub(super) migrations: Option<&'t Migrator>,
}

/// Where tenants' tables are made.
pub(super) enum ThrowawayPlace<'t> {
    /// In a schema of a database that has the schemas which tenants share.
    Schema { names: &'t SchemaNames },
    /// In a copy of a template.
    Database { template: &'t PgIdentifier },
}

/// What was made.
#[derive(Default)]
pub(super) struct Built {
    /// By version.
    pub(super) catalogs: BTreeMap<i64, Catalog>,
    /// Databases of earlier runs that ended before they dropped them.
    pub(super) leftovers: Vec<String>,
}

impl Throwaway<'_> {
    /// Makes the catalogs of all versions that these tenants have and the migrations know, one after the other in one database, which is
    /// dropped also after an error.
    pub(super) async fn build(&self, surveyed: &[Surveyed]) -> Result<Built, StrategyError> {
        let Some(migrations) = self.migrations else {
            return Err(StrategyError::other(
                "no migrations are configured, and so nothing can be made to compare with",
            ));
        };
        let known: BTreeSet<i64> = migrations.iter().map(|migration| migration.version).collect();
        let wanted: BTreeSet<i64> = surveyed.iter().filter_map(|one| one.version).collect();
        let mut server = self.administrator.connect().await?;
        let mut built = Built {
            leftovers: leftovers(&mut server).await?,
            ..Built::default()
        };
        let name: String = sqlx::query_scalar(
            "select 'tenancy_drift_' || pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', '')",
        )
        .fetch_one(&mut server)
        .await?;
        server.close().await?;
        let name: PgIdentifier = name.parse().map_err(StrategyError::other)?;
        // While this session lives, others see that the database is in use.
        let mut lock = locked(self.administrator, &name).await?;
        let made = self
            .make(&name, &mut lock, &(&known & &wanted), &mut built.catalogs)
            .await;
        let dropped = execute_when_unused(&mut lock, format!("drop database if exists {name} with (force)")).await;
        made?;
        dropped?;
        lock.close().await?;
        Ok(built)
    }

    async fn make(
        &self,
        name: &PgIdentifier,
        lock: &mut PgConnection,
        versions: &BTreeSet<i64>,
        catalogs: &mut BTreeMap<i64, Catalog>,
    ) -> Result<(), StrategyError> {
        let template = match &self.place {
            ThrowawayPlace::Schema { .. } => "template1".to_owned(),
            ThrowawayPlace::Database { template } => template.to_string(),
        };
        execute_when_unused(lock, format!("create database {name} template {template}")).await?;
        let described = format!(
            "comment on database {name} is {}; revoke all on database {name} from public",
            Literal(COMMENT)
        );
        execute(lock, described).await?;
        if let ThrowawayPlace::Database { .. } = self.place {
            execute(
                lock,
                format!("grant connect on database {name} to {}", self.application),
            )
            .await?;
        }
        let database = self.administrator.clone().database(name.as_str());
        if let ThrowawayPlace::Schema { names } = &self.place {
            self.share(names, &database).await?;
        }
        for version in versions {
            self.migrate(*version, &database).await?;
            catalogs.insert(*version, self.read(name, &database).await?);
        }
        Ok(())
    }

    /// Makes the schemas that tenants share, with the extensions that they have. One that the administrator may not make is left out: a
    /// migration that needs it says so.
    async fn share(&self, names: &SchemaNames, database: &PgConnectOptions) -> Result<(), StrategyError> {
        let mut original = self.administrator.connect().await?;
        let mut copy = database.connect().await?;
        for schema in &names.shared {
            let made = format!(
                "create schema if not exists {schema}; grant usage on schema {schema} to {}",
                self.application
            );
            execute(&mut copy, made).await?;
            let sql = "select pg_catalog.quote_ident(e.extname) from pg_catalog.pg_extension e
                join pg_catalog.pg_namespace n on n.oid = e.extnamespace where n.nspname = $1 order by e.oid";
            let extensions: Vec<String> = sqlx::query_scalar(sql)
                .bind(schema.as_str())
                .fetch_all(&mut original)
                .await?;
            for extension in extensions {
                let sql = format!("create extension if not exists {extension} schema {schema}");
                if let Err(error) = execute(&mut copy, sql).await {
                    tracing::warn!("an extension is not there to compare with: {error}");
                }
            }
        }
        original.close().await?;
        Ok(copy.close().await?)
    }

    /// Runs the migrations up to this version, which go on where those before it ended.
    async fn migrate(&self, version: i64, database: &PgConnectOptions) -> Result<(), StrategyError> {
        let up_to = |migrations: &Migrator| Migrator {
            migrations: migrations
                .iter()
                .filter(|migration| migration.version <= version)
                .cloned()
                .collect::<Vec<_>>()
                .into(),
            create_schemas: migrations.create_schemas.clone(),
            table_name: migrations.table_name.clone(),
            ..*migrations
        };
        let migrations = self.migrations.map(up_to);
        let schema = self.schema()?;
        let (search_path, reach) = match &self.place {
            ThrowawayPlace::Schema { names } => {
                let shared = &names.shared;
                (names.search_path(&schema), Reach::Schema { shared })
            }
            ThrowawayPlace::Database { .. } => ("public, pg_temp".to_owned(), Reach::Database),
        };
        let provisioning = Provisioning {
            tenant: None,
            schema: &schema,
            search_path: &search_path,
            application: self.application,
            migrations: migrations.as_ref(),
            is_sharded: false,
            reach,
            last: None,
        };
        let mut connection = database.connect().await?;
        provisioning.run(&mut connection).await?;
        Ok(connection.close().await?)
    }

    async fn read(&self, name: &PgIdentifier, database: &PgConnectOptions) -> Result<Catalog, StrategyError> {
        let mut connection = database.connect().await?;
        let (scope, own, schemas) = match self.place {
            ThrowawayPlace::Schema { .. } => {
                let schema = self.schema()?.as_str().to_owned();
                (Scope::Schemas, OwnName::new(&*schema), vec![schema])
            }
            ThrowawayPlace::Database { .. } => {
                let schemas = reader::of_database(&mut connection).await?;
                (Scope::Database, OwnName::new(name.as_str()), schemas)
            }
        };
        let mut catalog = Catalog::new(own);
        let each = |_: &str, fact| catalog.insert(fact);
        reader::read(&mut connection, scope, &schemas, &self.roles, each).await?;
        connection.close().await?;
        Ok(catalog)
    }

    /// A name that no table or column has by chance.
    fn schema(&self) -> Result<PgIdentifier, StrategyError> {
        let name = match self.place {
            ThrowawayPlace::Schema { .. } => "tenancy_drift_schema",
            ThrowawayPlace::Database { .. } => "public",
        };
        name.parse().map_err(StrategyError::other)
    }
}

/// Those that no session holds.
async fn leftovers(server: &mut PgConnection) -> Result<Vec<String>, StrategyError> {
    let found: Vec<String> = sqlx::query_scalar(FOUND).bind(COMMENT).fetch_all(&mut *server).await?;
    let mut left = Vec::new();
    for name in found {
        let sql = "select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1, 0))";
        // It is given back with the session.
        if sqlx::query_scalar(sql).bind(&name).fetch_one(&mut *server).await? {
            left.push(name);
        }
    }
    Ok(left)
}
