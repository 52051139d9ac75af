//! A job that carries its tenant through a queue of text, and a loop over all tenants at night.
//!
//! ```text
//! acme: mail to alice@example.com
//! globex waits: the tenant `globex` is suspended
//! forged: dropped
//! nightly: acme
//! nightly: 1 done, 0 failed
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::num::NonZeroUsize;

use tenancy::Sqlite;
use tenancy::directory::TenantEntry;
use tenancy::enforce::{Admitted, admit_job};
use tenancy::jobs::{Gate, GateDecision, JobKeys, ReceivedJob, SealedJob, TenantJob};
use tenancy::names::Subject;
use tenancy::sql::{CreationKey, NewTenant};

const FILE: &str = include_str!("../../tenancy.toml");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let data = tenancy::open_text::<Sqlite>(FILE, folder.path()).without_http().await?;
    let keys = JobKeys::new("2026-11", b"a secret of the application alone")?;
    let mut queue = Vec::new();
    for id in ["acme", "globex"] {
        let new = NewTenant::new(id.parse()?, "database".parse()?);
        let entry = data.directory.create(&data.db, &new, &CreationKey::random()).await?;
        // In a handler the `Tenant` stands here.
        let tenant = admit_job(&data.directory, &entry.record().id, Subject::from_static("example")).await?;
        let job = TenantJob::new(&tenant, Subject::from_static("mail"), "alice@example.com");
        queue.push(serde_json::to_string(&job.seal(&keys)?)?);
    }
    data.directory.suspend(&"globex".parse()?).await?;
    queue.extend(queue.first().map(|job| job.replace("alice@", "mallory@")));
    let gate = Gate::new(data.directory.clone(), keys);
    for stored in queue {
        match gate.admit(&serde_json::from_str::<SealedJob>(&stored)?).await {
            GateDecision::Run(job) => job.run(mail).await?,
            GateDecision::Later(why) => println!("globex waits: {why}"),
            _ => println!("forged: dropped"),
        }
    }
    let nightly = |tenant: Admitted| async move {
        println!("nightly: {}", tenant.id());
        Ok::<_, Infallible>(())
    };
    let job = Subject::from_static("nightly");
    let summary = data
        .directory
        .for_each_active(&job, NonZeroUsize::MIN, nightly, |_| {})
        .await?;
    println!("nightly: {} done, {} failed", summary.done, summary.failed);
    Ok(())
}

async fn mail(tenant: Admitted, job: ReceivedJob<String>) -> Result<(), Infallible> {
    println!("{}: mail to {}", tenant.id(), job.payload);
    Ok(())
}
