//! What is looked at and written where the shared tables are opened.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::builder::PgRowBuilder;
use super::policies::migrations::Migrating;
use super::verify::{PgFinding, PgReport};
use crate::postgres::attempts::Attempts;
use crate::postgres::citus::cluster::{self, PROPAGATION};
use crate::postgres::connection::direct::require_direct;
use crate::postgres::fence::{install, standing};
use crate::strategy::data_version::copy_of;
use crate::strategy::minimum_version::newest_version;
use crate::transaction::begin::begin_lent;
use crate::{MigrateOptions, StrategyError};

/// What no policy and no setting avoids (seen on Citus 13.0 and 13.2).
const OUTER_JOINS: &str = "Citus 13 crashes on an outer join that keeps rows of a reference table or of a materialized CTE and whose \
    other side is a distributed table, unless the query names the tenant: `left join notes n on … and n.tenant_id = $1`";

impl PgRowBuilder {
    /// Migrates, applies and verifies as the administrator. Returns how many migrations have run, too.
    pub(super) async fn set_up(
        &mut self,
        administrator: PgConnectOptions,
        options: &MigrateOptions,
    ) -> Result<(PgReport, usize), StrategyError> {
        if !self.schema.names_administrator() {
            let role = administrator.get_username().parse().map_err(StrategyError::other)?;
            self.schema = self.schema.clone().with_administrator(role);
        }
        let connect = if self.schema.is_on_citus() {
            administrator.options([PROPAGATION])
        } else {
            administrator
        };
        if self.migrations.is_some() {
            require_direct(&connect).await?;
        }
        let mut connection = connect.connect().await?;
        standing::require(&mut connection, self.plan.is_fenced, self.schema.applications()).await?;
        let [administrator, application] = self.judge_roles(&mut connection).await?;
        let cluster = self.judge_cluster(&mut connection).await?;
        let mut ran = 0;
        if let Some(migrations) = &self.migrations {
            let newest = newest_version(migrations).map(|newest| newest.min(options.baseline.unwrap_or(i64::MAX)));
            let migrating = Migrating::new(copy_of(migrations), &self.schema, self.lock_timeout).with(options);
            ran = migrating.run(&mut connection).await?;
            self.record_version(newest, &mut connection).await?;
        }
        self.require_minimum(&mut connection).await?;
        let report = self.guard(&mut connection).await?;
        let shards = self.schema.shards(&mut connection).await?;
        let report = self.judge(report.and(shards))?.and(cluster);
        self.schema.read_lengths(&mut connection).await?;
        connection.close().await?;
        Ok((report.with(administrator).with(application), ran))
    }

    /// Verifies as the application, which writes nothing.
    pub(super) async fn verify_only(&mut self) -> Result<PgReport, StrategyError> {
        let options = self.plan.connect_options(self.server.application.clone());
        let mut connection = options.connect().await?;
        standing::require(&mut connection, self.plan.is_fenced, self.schema.applications()).await?;
        self.require_minimum(&mut connection).await?;
        let names = self.plan.statement_names();
        let report = self.schema.verify_serving(&mut connection, names).await?;
        let report = self.judge(report)?;
        // Inside a transaction, since a pooler may stand between.
        let mut tx = begin_lent(&mut connection, names.begin()).await?;
        self.schema.read_lengths(&mut tx).await?;
        if self.plan.is_fenced {
            self.schema.require_fence(&mut tx).await?;
        }
        names.forget(&mut tx).await?;
        tx.rollback().await?;
        connection.close().await?;
        Ok(report)
    }

    /// Before anything is written. The application's own connection is closed again: the transaction that writes could
    /// wait for it for ever.
    async fn judge_roles(&self, administrator: &mut PgConnection) -> Result<[Option<PgFinding>; 2], StrategyError> {
        let findings = self.schema.verify_roles(administrator).await?;
        let other = self.schema.administrator_differs(administrator).await?;
        self.judge(PgReport::new(findings.clone()).with(other.clone()))?;
        let options = self.plan.connect_options(self.server.application.clone());
        let mut application = options.connect().await?;
        let differs = self
            .schema
            .verify_connection(Some(administrator), &mut application)
            .await?;
        application.close().await?;
        self.judge(PgReport::new(findings).with(differs.clone()))?;
        Ok([other, differs])
    }

    /// Whether both roles reach the cluster that the tables are declared for. What only keeps the application from working
    /// is returned.
    async fn judge_cluster(&self, administrator: &mut PgConnection) -> Result<Vec<PgFinding>, StrategyError> {
        if !self.schema.is_on_citus() {
            return Ok(Vec::new());
        }
        tracing::warn!("{}", OUTER_JOINS);
        self.judge(PgReport::new(cluster::administrator_findings(administrator).await?))?;
        let mut options = self.plan.connect_options(self.server.application.clone());
        if !self.plan.has_transaction_pooler {
            options = options.options([PROPAGATION]);
        }
        let mut application = options.connect().await?;
        let findings = cluster::application_findings(&mut application).await?;
        application.close().await?;
        self.judge(PgReport::new(findings.clone()))?;
        Ok(findings)
    }

    /// Applies the declaration and verifies it, as often as other sessions are in the way.
    async fn guard(&self, administrator: &mut PgConnection) -> Result<PgReport, StrategyError> {
        let mut attempts = Attempts::new(self.lock_timeout);
        loop {
            let mut object = String::new();
            match self.guard_once(administrator, &mut object).await {
                Ok(report) => return Ok(report),
                Err(error) => attempts.again(&object, error).await?,
            }
        }
    }

    async fn guard_once(
        &self,
        administrator: &mut PgConnection,
        object: &mut String,
    ) -> Result<PgReport, StrategyError> {
        // What others commit while this waits for a lock must be seen afterwards.
        let mut tx = begin_lent(administrator, Some("begin isolation level read committed")).await?;
        self.schema
            .write_what_differs(&mut tx, self.lock_timeout, object)
            .await?;
        if self.plan.is_fenced {
            install::renew(&mut tx, self.schema.applications()).await?;
            self.schema.fence(&mut tx, object).await?;
        }
        let report = self.judge(self.schema.verify_catalog(&mut tx).await?)?;
        tx.commit().await?;
        Ok(report)
    }

    /// Refuses what is unsafe.
    fn judge(&self, report: PgReport) -> Result<PgReport, StrategyError> {
        if report.is_safe() || self.allows_findings {
            Ok(report)
        } else {
            Err(report.into())
        }
    }
}
