//! The comparison of tenants' schemas.

use std::collections::HashMap;

use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{StrategyName, TenantId};

use super::build::{Built, Throwaway, ThrowawayPlace};
use super::ledger;
use super::reader::{self, BATCH, Roles, Scope};
use crate::drift::{Catalog, DriftOptions, OwnName, ReadCatalogs, Reference, StrategyDrift, Survey, Surveyed};
use crate::postgres::schema::PgSchemaStrategy;
use crate::{StrategyError, StrategyFuture};

const OPERATION: &str = "compare tenants' schemas";

impl PgSchemaStrategy {
    /// Compares these tenants, in the order of their ids.
    pub(in crate::postgres) async fn drift_of(
        &self,
        tenants: &[&TenantRecord],
        options: &DriftOptions,
    ) -> Result<StrategyDrift, StrategyError> {
        if self.is_sharded {
            return Err(StrategyError::Unsupported {
                strategy: StrategyName::from_static(Self::NAME),
                operation: "comparison of tenants' catalogs on a Citus cluster",
            });
        }
        let mut drift = StrategyDrift::new(StrategyName::from_static(Self::NAME));
        let mut surveyed = Vec::new();
        for tenants in tenants.chunks(BATCH) {
            self.survey(tenants, &mut surveyed, &mut drift.not_provisioned).await?;
        }
        let build = async {
            let built = self.build(&surveyed).await?;
            drift.leftovers = built.leftovers;
            Ok(built.catalogs)
        };
        let reference = Reference::of(options, build).await?;
        let survey = Survey {
            reference,
            reader: self,
        };
        drift.versions = survey.compare(surveyed).await?;
        Ok(drift)
    }

    /// Reads a batch once, and keeps of each tenant what is compared.
    async fn survey(
        &self,
        tenants: &[&TenantRecord],
        surveyed: &mut Vec<Surveyed>,
        not_provisioned: &mut Vec<TenantId>,
    ) -> Result<(), StrategyError> {
        let mut connection = self.administrator_for(OPERATION)?.pool().acquire().await?;
        connection.close_on_drop();
        // An id that names no schema has none.
        let schema = |tenant: &TenantRecord| self.names.of(&tenant.id).map(|schema| schema.as_str().to_owned()).ok();
        let wanted: Vec<String> = tenants.iter().filter_map(|tenant| schema(tenant)).collect();
        let schemas = reader::existing(&mut connection, &wanted).await?;
        let table = ledger::table(self.migrations.as_deref());
        let versions = ledger::versions(&mut connection, &schemas, table).await?;
        let mut read: HashMap<String, (OwnName, Surveyed)> = HashMap::new();
        let mut order = Vec::new();
        for tenant in tenants {
            match schema(tenant).filter(|schema| schemas.contains(schema)) {
                None => not_provisioned.push(tenant.id.clone()),
                Some(schema) => {
                    let one = Surveyed::new(tenant.id.clone(), versions.get(&schema).copied());
                    read.insert(schema.clone(), (OwnName::new(&*schema), one));
                    order.push(schema);
                }
            }
        }
        let each = |schema: &str, fact| {
            if let Some((own, one)) = read.get_mut(schema) {
                one.add(&fact, own);
            }
        };
        reader::read(&mut connection, Scope::Schemas, &schemas, &self.roles()?, each).await?;
        surveyed.extend(
            order
                .iter()
                .filter_map(|schema| read.remove(schema))
                .map(|(_, one)| one),
        );
        Ok(connection.close().await?)
    }

    async fn read_catalogs(&self, tenants: Vec<TenantId>) -> Result<Vec<(TenantId, Catalog)>, StrategyError> {
        let mut connection = self.administrator_for(OPERATION)?.pool().acquire().await?;
        connection.close_on_drop();
        let mut read: HashMap<String, (TenantId, Catalog)> = HashMap::new();
        for tenant in tenants {
            let schema = self.names.of(&tenant)?.as_str().to_owned();
            let catalog = Catalog::new(OwnName::new(&*schema));
            read.insert(schema, (tenant, catalog));
        }
        let schemas: Vec<String> = read.keys().cloned().collect();
        let each = |schema: &str, fact| {
            if let Some((_, catalog)) = read.get_mut(schema) {
                catalog.insert(fact);
            }
        };
        reader::read(&mut connection, Scope::Schemas, &schemas, &self.roles()?, each).await?;
        connection.close().await?;
        Ok(read.into_values().collect())
    }

    async fn build(&self, surveyed: &[Surveyed]) -> Result<Built, StrategyError> {
        let administrator = self.administrator_for(OPERATION)?.pool().connect_options();
        let throwaway = Throwaway {
            administrator: &administrator,
            application: &self.application_role,
            roles: self.roles()?,
            place: ThrowawayPlace::Schema { names: &self.names },
            migrations: self.migrations.as_deref(),
        };
        throwaway.build(surveyed).await
    }

    fn roles(&self) -> Result<Roles, StrategyError> {
        let administrator = self.administrator_for(OPERATION)?.pool().connect_options();
        Ok(Roles {
            application: self.application_role.as_str().to_owned(),
            administrator: administrator.get_username().to_owned(),
        })
    }
}

impl ReadCatalogs for PgSchemaStrategy {
    fn catalogs<'r>(&'r self, tenants: Vec<TenantId>) -> StrategyFuture<'r, Vec<(TenantId, Catalog)>> {
        Box::pin(self.read_catalogs(tenants))
    }
}
