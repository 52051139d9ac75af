//! A worker without HTTP: it takes tenants' ids and notes from a channel, and writes each note as its tenant, if that is active.
//! What a request has left for later is better a job that carries its tenant: see `jobs`.
//!
//! ```text
//! acme: 1 note
//! acme: 2 notes
//! globex: the tenant `globex` is suspended, and not active
//! nosuch: no tenant `nosuch` is in the directory
//! ```

use std::error::Error;

use tenancy::enforce::{JobRefused, admit_job};
use tenancy::names::{Subject, TenantId};
use tenancy::sql::{CreationKey, NewTenant};
use tenancy::{Data, Sqlite};
use tokio::sync::mpsc;

const FILE: &str = include_str!("../../tenancy.toml");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let data = tenancy::open_text::<Sqlite>(FILE, folder.path())
        .with_migrations("database", sqlx::migrate!("migrations/files"))
        .without_http()
        .await?;
    for id in ["acme", "globex"] {
        let new = NewTenant::new(id.parse()?, "database".parse()?);
        data.directory.create(&data.db, &new, &CreationKey::random()).await?;
    }
    data.directory.suspend(&"globex".parse()?).await?;
    let (sender, receiver) = mpsc::channel(10);
    for (id, note) in [
        ("acme", "one"),
        ("acme", "two"),
        ("globex", "three"),
        ("nosuch", "four"),
    ] {
        sender.send((id.parse()?, note.to_owned())).await?;
    }
    drop(sender);
    work(&data, receiver).await
}

async fn work(data: &Data<Sqlite>, mut received: mpsc::Receiver<(TenantId, String)>) -> Result<(), Box<dyn Error>> {
    while let Some((id, note)) = received.recv().await {
        let tenant = match admit_job(&data.directory, &id, Subject::from_static("worker")).await {
            Ok(tenant) => tenant,
            Err(refused @ (JobRefused::NotActive { .. } | JobRefused::Unknown { .. })) => {
                println!("{id}: {refused}");
                continue;
            }
            // The directory could not tell: the note stays in a queue that keeps it.
            Err(failed) => return Err(failed.into()),
        };
        let mut tx = data.db.begin(&tenant).await?;
        let insert = sqlx::query("insert into notes (body) values ($1)").bind(note);
        insert.execute(&mut *tx).await?;
        let count = sqlx::query_scalar("select count(*) from notes");
        let count: i64 = count.fetch_one(&mut *tx).await?;
        tx.commit().await?;
        println!("{id}: {count} {}", if count == 1 { "note" } else { "notes" });
    }
    Ok(())
}
