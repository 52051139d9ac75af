//! How all tenants stand, page by page.

use std::collections::VecDeque;
use std::sync::Arc;

use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::names::TenantId;
use tokio::task::JoinSet;

use super::plan::PlanCost;
use crate::fleet::error::FleetError;
use crate::fleet::options::FleetOptions;
use crate::fleet::strategies::{Migrates, Strategies};
use crate::{DataVersion, DirectoryDatabase, MigrationTarget, SqlDirectory, StrategyError, Survey, Surveyed};

/// How many tenants of the directory are in memory at once, where one question has all their versions.
const PAGE: u16 = 2_000;

/// The same where ledgers are read, which is so many at a time.
const LEDGERS: u16 = 500;

/// A tenant that was looked at, or the shared tables of a strategy.
pub(in crate::fleet) struct Looked {
    pub(in crate::fleet) strategy: Arc<dyn Migrates>,
    /// `None` for shared tables.
    pub(in crate::fleet) record: Option<TenantRecord>,
    pub(in crate::fleet) found: Found,
}

pub(in crate::fleet) enum Found {
    Version(DataVersion),
    /// Nothing was looked at.
    Archived,
    Unreadable(StrategyError),
}

/// Looks at the tenants of each strategy in turn, in the order of their ids. One page is in memory.
pub(in crate::fleet) struct Look<'l, DB: DirectoryDatabase> {
    directory: &'l SqlDirectory<DB>,
    options: &'l FleetOptions,
    strategies: VecDeque<Arc<dyn Migrates>>,
    current: Option<Current>,
    pub(in crate::fleet) cost: PlanCost,
}

/// How far one strategy is.
struct Current {
    strategy: Arc<dyn Migrates>,
    /// Whether its tenants are in one database. Where each has one of its own, many are read at once.
    has_batches: bool,
    merge: Option<Merge>,
    after: Option<TenantId>,
}

impl<'l, DB: DirectoryDatabase> Look<'l, DB> {
    pub(in crate::fleet) fn new(
        directory: &'l SqlDirectory<DB>,
        strategies: &Strategies,
        options: &'l FleetOptions,
    ) -> Result<Self, FleetError> {
        Ok(Self {
            directory,
            options,
            strategies: strategies.selected(options)?.into(),
            current: None,
            cost: PlanCost::default(),
        })
    }

    /// The next of them; `None` behind the last ones. It may be empty before.
    pub(in crate::fleet) async fn next(&mut self) -> Result<Option<Vec<Looked>>, FleetError> {
        if let Some(current) = self.current.take() {
            return self.next_page(current).await.map(Some);
        }
        let Some(strategy) = self.strategies.pop_front() else {
            return Ok(None);
        };
        if strategy.is_shared() {
            return self.look_at_shared(strategy).await.map(|looked| Some(vec![looked]));
        }
        let survey = strategy.survey();
        let has_batches = survey.is_some();
        // Dropped, it reads nothing.
        let survey = survey.filter(|_| !self.options.verifies_ledgers);
        self.cost.surveys += u64::from(survey.is_some());
        self.current = Some(Current {
            strategy,
            has_batches,
            merge: survey.map(Merge::new),
            after: None,
        });
        Ok(Some(Vec::new()))
    }

    /// Of shared tables no tenant is looked at: they stand as their tables do.
    async fn look_at_shared(&mut self, strategy: Arc<dyn Migrates>) -> Result<Looked, FleetError> {
        self.cost.ledgers += 1;
        let found = match strategy.version(MigrationTarget::SharedTables).await {
            Ok(version) => Found::Version(version),
            Err(source) => {
                return Err(FleetError::Versions {
                    strategy: strategy.name(),
                    source: Box::new(source),
                });
            }
        };
        Ok(Looked {
            strategy,
            record: None,
            found,
        })
    }

    async fn next_page(&mut self, mut current: Current) -> Result<Vec<Looked>, FleetError> {
        let limit = if current.merge.is_some() { PAGE } else { LEDGERS };
        let name = current.strategy.name();
        let page = self
            .directory
            .records_of_strategy(&name, current.after.as_ref(), limit)
            .await?;
        self.cost.pages += 1;
        self.cost.largest_batch = self.cost.largest_batch.max(page.len());
        let is_last = page.len() < usize::from(limit);
        current.after = page.last().map(|record| record.id.clone());
        let mut looked = Vec::with_capacity(page.len());
        let mut unread = Vec::new();
        for record in page.into_iter().filter(|record| self.is_selected(record)) {
            if record.status == TenantStatus::Archived && !self.options.includes_archived {
                looked.push(of_tenant(&current.strategy, record, Found::Archived));
                continue;
            }
            let surveyed = match &mut current.merge {
                Some(merge) => merge.find(&record.id).await,
                None => Ok(Some(None)),
            };
            let surveyed = surveyed.map_err(|source| FleetError::Versions {
                strategy: name.clone(),
                source: Box::new(source),
            })?;
            match surveyed {
                Some(Some(version)) => looked.push(of_tenant(&current.strategy, record, Found::Version(version))),
                // It has neither a record nor a place.
                None => looked.push(of_tenant(
                    &current.strategy,
                    record,
                    Found::Version(DataVersion::not_provisioned()),
                )),
                Some(None) => unread.push(record),
            }
        }
        looked.extend(self.read_ledgers(&current, unread).await);
        if !is_last {
            self.current = Some(current);
        }
        Ok(looked)
    }

    fn is_selected(&self, record: &TenantRecord) -> bool {
        let tenants = self.options.tenants.as_ref();
        tenants.is_none_or(|tenants| tenants.contains(&record.id))
    }

    /// Reads ledgers, many at a time. If one of a batch cannot be read, each is read by itself, so that only that one is lost.
    async fn read_ledgers(&mut self, current: &Current, records: Vec<TenantRecord>) -> Vec<Looked> {
        let (strategy, is_recording) = (&current.strategy, current.merge.is_some());
        let mut looked = Vec::with_capacity(records.len());
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let batch: Vec<TenantRecord> = records.by_ref().take(usize::from(LEDGERS)).collect();
            let versions = if current.has_batches {
                self.cost.ledgers += 1;
                strategy.versions(&batch).await.ok()
            } else {
                None
            };
            match versions {
                Some(versions) => looked.extend(batch.into_iter().zip(versions).map(|(record, version)| {
                    let version = if is_recording { version.unrecorded() } else { version };
                    of_tenant(strategy, record, Found::Version(version))
                })),
                None => looked.extend(self.read_one_by_one(strategy, batch, is_recording).await),
            }
        }
        looked
    }

    async fn read_one_by_one(
        &mut self,
        strategy: &Arc<dyn Migrates>,
        records: Vec<TenantRecord>,
        is_recording: bool,
    ) -> Vec<Looked> {
        let mut records = records.into_iter();
        let mut reading = JoinSet::new();
        let mut looked = Vec::new();
        loop {
            while reading.len() < self.options.jobs.get()
                && let Some(record) = records.next()
            {
                self.cost.ledgers += 1;
                let strategy = Arc::clone(strategy);
                reading.spawn(async move {
                    let version = strategy.version(MigrationTarget::Tenant(&record)).await;
                    (record, version)
                });
            }
            match reading.join_next().await {
                None => return looked,
                Some(Ok((record, version))) => {
                    let found = match version {
                        Ok(version) if is_recording => Found::Version(version.unrecorded()),
                        Ok(version) => Found::Version(version),
                        Err(error) => Found::Unreadable(error),
                    };
                    looked.push(of_tenant(strategy, record, found));
                }
                Some(Err(error)) => {
                    // Nobody aborts these tasks, so it has panicked.
                    if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
    }
}

fn of_tenant(strategy: &Arc<dyn Migrates>, record: TenantRecord, found: Found) -> Looked {
    Looked {
        strategy: Arc::clone(strategy),
        record: Some(record),
        found,
    }
}

/// A survey beside the pages of the directory, both in the order of the ids.
struct Merge {
    survey: Survey,
    next: Option<Surveyed>,
    has_begun: bool,
}

impl Merge {
    const fn new(survey: Survey) -> Self {
        Self {
            survey,
            next: None,
            has_begun: false,
        }
    }

    /// What the survey has of a tenant. Tenants are asked for in the order of their ids.
    async fn find(&mut self, tenant: &TenantId) -> Result<Option<Option<DataVersion>>, StrategyError> {
        if !self.has_begun {
            self.has_begun = true;
            self.next = self.survey.next().await?;
        }
        while let Some(next) = &self.next
            && next.tenant.as_str() < tenant.as_str()
        {
            self.next = self.survey.next().await?;
        }
        Ok(self
            .next
            .as_ref()
            .filter(|next| next.tenant == *tenant)
            .map(|next| next.version))
    }
}
