//! The strategy `schema` on a Citus cluster: what must hold of it.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::strategy::PgSchemaStrategy;
use crate::StrategyError;
use crate::postgres::PgReport;
use crate::postgres::citus::{cluster, tenant_schemas};

impl PgSchemaStrategy {
    /// Asks a [Citus cluster](crate::PgSchemaBuilder::with_citus) whether it is what this strategy needs. It changes
    /// nothing. On another database there is nothing to ask, and the report is clean.
    ///
    /// It looks whether both roles are connected to the coordinator, whether that can log in on every worker as the
    /// application, and whether the schema of each tenant, and every table in it, is where Citus places the schema: a
    /// schema that was there before and was only registered stays on the coordinator with all its rows.
    ///
    /// # Errors
    ///
    /// If the coordinator cannot be queried in either role, or there is no administrator.
    pub async fn verify(&self) -> Result<PgReport, StrategyError> {
        if !self.is_sharded {
            return Ok(PgReport::new(Vec::new()));
        }
        let administrator = self.administrator_for("look where tenants' schemas are")?;
        let mut administrator = administrator.pool().acquire().await?;
        let application = self.application.pool().connect_options();
        let report = report(&mut administrator, &application).await?;
        if !report.is_safe() {
            return Ok(report);
        }
        let mut findings = report.findings().to_vec();
        findings.extend(tenant_schemas::findings(&self.names.prefix, &self.names.shared, &mut administrator).await?);
        Ok(PgReport::new(findings))
    }
}

/// What is wrong with the cluster as the application sees it, without an administrator.
pub(super) async fn report_of_application(application: &mut PgConnection) -> Result<PgReport, StrategyError> {
    Ok(PgReport::new(cluster::application_findings(application).await?))
}

/// What is wrong with the cluster, whichever tenants it has.
pub(super) async fn report(
    administrator: &mut PgConnection,
    application: &PgConnectOptions,
) -> Result<PgReport, StrategyError> {
    let mut findings = cluster::administrator_findings(administrator).await?;
    if findings.is_empty() {
        let mut application = application.clone().connect().await?;
        findings = cluster::application_findings(&mut application).await?;
        application.close().await?;
    }
    Ok(PgReport::new(findings))
}

/// Refuses what is unsafe, and logs the rest.
pub(super) fn refuse_unsafe(report: PgReport) -> Result<(), StrategyError> {
    if !report.is_safe() {
        return Err(report.into());
    }
    for finding in report.findings() {
        tracing::warn!("{finding}");
    }
    Ok(())
}
