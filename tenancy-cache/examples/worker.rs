//! A worker without HTTP: it runs jobs for tenants, caches what the directory says of them, and follows changes.
//!
//! Each line of the standard input is `run TENANT JOB`, or a change: `suspend TENANT` or `activate TENANT`.
//!
//! ```console
//! $ printf 'run acme invoices\nrun acme reports\nsuspend acme\nrun acme invoices\n' |
//!     cargo run -p tenancy-cache --example worker
//! ran `invoices` for acme
//! ran `reports` for acme
//! left out `invoices`: acme is suspended
//! the directory was queried 2 times
//! ```

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tenancy_cache::{CachedDirectory, LocalChanges, follow};
use tenancy_core::directory::{Change, Directory, TenantEntry, TenantRecord, TenantStatus};
use tenancy_core::names::{StrategyName, TenantId, TenantKey};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader, stdin};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let tenants = Tenants::of(["acme", "globex"])?;
    work(&tenants, BufReader::new(stdin()), |line| println!("{line}")).await?;
    println!("the directory was queried {} times", tenants.queries());
    Ok(())
}

/// Works off the lines, and reports what came of each job.
async fn work(
    tenants: &Tenants,
    lines: impl AsyncBufRead + Unpin,
    mut report: impl FnMut(String),
) -> Result<(), Box<dyn Error>> {
    let changes = LocalChanges::new();
    let directory = CachedDirectory::new(tenants.clone());
    tokio::spawn(follow(changes.subscribe(), directory.clone()));
    let mut lines = lines.lines();
    while let Some(line) = lines.next_line().await? {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["run", tenant, job] => report(run(&directory, &TenantKey::Id(tenant.parse()?), job).await?),
            ["suspend", tenant] => change(tenants, &changes, tenant.parse()?, TenantStatus::Suspended).await,
            ["activate", tenant] => change(tenants, &changes, tenant.parse()?, TenantStatus::Active).await,
            _ => return Err("expected `run TENANT JOB`, `suspend TENANT` or `activate TENANT`".into()),
        }
    }
    Ok(())
}

async fn run(directory: &CachedDirectory<Tenants>, key: &TenantKey, job: &str) -> Result<String, Box<dyn Error>> {
    let Some(entry) = directory.find(key).await? else {
        return Ok(format!("left out `{job}`: there is no tenant {}", key.as_str()));
    };
    let tenant = entry.record();
    Ok(match tenant.status {
        TenantStatus::Active => format!("ran `{job}` for {}", tenant.id),
        status => format!("left out `{job}`: {} is {}", tenant.id, status.as_str()),
    })
}

/// Changes a tenant, and publishes that once it is done.
async fn change(tenants: &Tenants, changes: &LocalChanges, tenant: TenantId, status: TenantStatus) {
    tenants.set(tenant.clone(), status);
    changes.publish(Change::tenant(tenant));
    // Lets the task that follows the changes run. Where they come from another process, they arrive with the delay of
    // their feed, such as that of a database.
    tokio::task::yield_now().await;
}

/// The directory: a table in memory in the place of a database.
#[derive(Clone, Default)]
struct Tenants {
    statuses: Arc<Mutex<HashMap<TenantId, TenantStatus>>>,
    queries: Arc<AtomicUsize>,
}

impl Tenants {
    fn of<const N: usize>(ids: [&str; N]) -> Result<Self, Box<dyn Error>> {
        let tenants = Self::default();
        for id in ids {
            tenants.set(id.parse()?, TenantStatus::Active);
        }
        Ok(tenants)
    }

    fn set(&self, tenant: TenantId, status: TenantStatus) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.insert(tenant, status);
    }

    fn queries(&self) -> usize {
        self.queries.load(Ordering::Relaxed)
    }
}

impl Directory for Tenants {
    type Entry = TenantRecord;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let TenantKey::Id(id) = key else { return Ok(None) };
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let record = |status: &TenantStatus| {
            TenantRecord::new(id.clone(), StrategyName::from_static("row")).with_status(*status)
        };
        Ok(statuses.get(id).map(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_binds_at_once_and_jobs_in_between_query_nobody() {
        let tenants = Tenants::of(["acme", "globex"]).unwrap();
        let lines =
            "run acme a\nrun acme b\nrun nosuch c\nsuspend acme\nrun acme d\nrun acme e\nactivate acme\nrun acme f";
        let mut reports = Vec::new();
        work(&tenants, lines.as_bytes(), |report| reports.push(report))
            .await
            .unwrap();
        assert_eq!(
            reports,
            [
                "ran `a` for acme",
                "ran `b` for acme",
                "left out `c`: there is no tenant nosuch",
                "left out `d`: acme is suspended",
                "left out `e`: acme is suspended",
                "ran `f` for acme",
            ]
        );
        assert_eq!(tenants.queries(), 4, "acme before and after each change, nosuch once");
    }
}
