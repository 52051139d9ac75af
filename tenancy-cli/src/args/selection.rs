//! Which tenants a command is about.

use tenancy::directory::{TenantEntry as _, TenantStatus};
use tenancy::names::{PlacementName, StrategyName, TenantId};
use tenancy_sqlx::DirectoryEntry;

/// Tenants by what they have in common.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Filter {
    /// Those of this status: provisioning, active, suspended or archived.
    #[arg(long)]
    pub(crate) status: Option<TenantStatus>,
    /// Those of this strategy: row, schema, database, or one of the service's own.
    #[arg(long)]
    pub(crate) strategy: Option<StrategyName>,
    /// Those of this placement.
    #[arg(long)]
    pub(crate) placement: Option<PlacementName>,
}

impl Filter {
    pub(crate) const fn is_empty(&self) -> bool {
        self.status.is_none() && self.strategy.is_none() && self.placement.is_none()
    }

    pub(crate) fn matches(&self, entry: &DirectoryEntry) -> bool {
        let record = entry.record();
        self.status.is_none_or(|status| record.status == status)
            && self
                .strategy
                .as_ref()
                .is_none_or(|strategy| record.strategy == *strategy)
            && self
                .placement
                .as_ref()
                .is_none_or(|placement| record.placement.as_ref() == Some(placement))
    }
}

/// Tenants by their ids, or by what they have in common.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Selection {
    /// The tenants' ids.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<TenantId>,
    /// A tenant's id; may be given several times.
    #[arg(long = "tenant", value_name = "ID")]
    pub(crate) tenants: Vec<TenantId>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// All tenants.
    #[arg(long, conflicts_with_all = ["ids", "tenants", "status", "strategy", "placement"])]
    pub(crate) all: bool,
}

impl Selection {
    /// The ids that are named, each once, in their order.
    pub(crate) fn named(&self) -> Vec<TenantId> {
        let mut named: Vec<TenantId> = Vec::new();
        for id in self.ids.iter().chain(&self.tenants) {
            if !named.contains(id) {
                named.push(id.clone());
            }
        }
        named
    }

    /// The arguments that select the same, each behind a space.
    pub(crate) fn arguments(&self) -> String {
        let mut arguments = String::new();
        let mut add = |option: &str, value: &str| {
            arguments.push_str(option);
            arguments.push_str(value);
        };
        for id in self.named() {
            add(" ", id.as_str());
        }
        if let Some(status) = self.filter.status {
            add(" --status ", status.as_str());
        }
        if let Some(strategy) = &self.filter.strategy {
            add(" --strategy ", strategy.as_str());
        }
        if let Some(placement) = &self.filter.placement {
            add(" --placement ", placement.as_str());
        }
        arguments
    }
}
