//! The comparison of tenants' databases.

use futures_util::future::join_all;
use sqlx::{ConnectOptions, Connection};
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{StrategyName, TenantId};

use super::build::{Built, Throwaway, ThrowawayPlace};
use super::ledger;
use super::reader::{self, Roles, Scope};
use crate::drift::{Catalog, DriftOptions, Fact, OwnName, ReadCatalogs, Reference, StrategyDrift, Survey, Surveyed};
use crate::postgres::database::PgDatabaseStrategy;
use crate::postgres::database::found::is_not_provisioned;
use crate::postgres::server::PgServer;
use crate::{StrategyError, StrategyFuture};

const OPERATION: &str = "compare tenants' databases";

/// How many databases are read at once.
const AT_ONCE: usize = 4;

impl PgDatabaseStrategy {
    /// Compares these tenants, in the order of their ids, whatever servers they are on.
    pub(in crate::postgres) async fn drift_of(
        &self,
        tenants: &[&TenantRecord],
        options: &DriftOptions,
    ) -> Result<StrategyDrift, StrategyError> {
        let mut drift = StrategyDrift::new(StrategyName::from_static(Self::NAME));
        let mut surveyed = Vec::new();
        for tenants in tenants.chunks(AT_ONCE) {
            let reading = tenants.iter().map(|tenant| self.survey(tenant));
            for (tenant, read) in tenants.iter().zip(join_all(reading).await) {
                match read? {
                    Some(one) => surveyed.push(one),
                    None => drift.not_provisioned.push(tenant.id.clone()),
                }
            }
        }
        let build = async {
            let built = self.build(&surveyed).await?;
            drift.leftovers = built.leftovers;
            Ok(built.catalogs)
        };
        let reference = Reference::of(options, build).await?;
        let survey = Survey {
            reference,
            reader: &Databases {
                strategy: self,
                tenants,
            },
        };
        drift.versions = survey.compare(surveyed).await?;
        Ok(drift)
    }

    fn survey<'s>(&'s self, tenant: &'s TenantRecord) -> StrategyFuture<'s, Option<Surveyed>> {
        Box::pin(async move {
            let own = OwnName::new(self.names.of(&tenant.id)?.as_str());
            let mut one = Surveyed::new(tenant.id.clone(), None);
            let version = self.read_one(tenant, |fact| one.add(&fact, &own)).await?;
            Ok(version.map(|version| {
                one.version = version;
                one
            }))
        })
    }

    /// Reads the objects of a tenant's database, and returns its version. `None` if it has none.
    async fn read_one(
        &self,
        tenant: &TenantRecord,
        mut each: impl FnMut(Fact) + Send,
    ) -> Result<Option<Option<i64>>, StrategyError> {
        let database = self.names.of(&tenant.id)?;
        let server = self.servers.of(tenant).await?;
        let options = server.administrator_for(OPERATION)?.clone().database(database.as_str());
        let mut connection = match options.connect().await {
            Err(error) if is_not_provisioned(&error) => return Ok(None),
            connection => connection?,
        };
        let schemas = reader::of_database(&mut connection).await?;
        let table = ledger::table(self.migrations.as_ref());
        let version = ledger::of_database(&mut connection, table).await?;
        let roles = self.roles(&server)?;
        reader::read(&mut connection, Scope::Database, &schemas, &roles, |_, fact| each(fact)).await?;
        connection.close().await?;
        Ok(Some(version))
    }

    async fn build(&self, surveyed: &[Surveyed]) -> Result<Built, StrategyError> {
        let server = &self.servers.default;
        let application = self.application_of(server)?;
        let throwaway = Throwaway {
            administrator: server.administrator_for(OPERATION)?,
            application: &application,
            roles: self.roles(server)?,
            place: ThrowawayPlace::Database {
                template: &self.template,
            },
            migrations: self.migrations.as_ref(),
        };
        throwaway.build(surveyed).await
    }

    fn roles(&self, server: &PgServer) -> Result<Roles, StrategyError> {
        Ok(Roles {
            application: self.application_of(server)?.as_str().to_owned(),
            administrator: server.administrator_for(OPERATION)?.get_username().to_owned(),
        })
    }
}

/// Reads whole catalogs of some of the tenants.
struct Databases<'d> {
    strategy: &'d PgDatabaseStrategy,
    tenants: &'d [&'d TenantRecord],
}

impl ReadCatalogs for Databases<'_> {
    fn catalogs<'r>(&'r self, ids: Vec<TenantId>) -> StrategyFuture<'r, Vec<(TenantId, Catalog)>> {
        Box::pin(async move {
            let mut catalogs = Vec::new();
            for id in ids {
                let mut catalog = Catalog::new(OwnName::new(self.strategy.names.of(&id)?.as_str()));
                let at = self.tenants.binary_search_by(|tenant| tenant.id.cmp(&id));
                if let Some(tenant) = at.ok().and_then(|at| self.tenants.get(at)) {
                    self.strategy.read_one(tenant, |fact| catalog.insert(fact)).await?;
                }
                catalogs.push((id, catalog));
            }
            Ok(catalogs)
        })
    }
}
