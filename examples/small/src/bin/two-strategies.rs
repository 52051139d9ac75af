//! Two strategies at once: `acme` has rows of a shared file, `globex` a file of its own. What works with their notes is the same.
//!
//! ```text
//! acme (row) reads: hello from acme
//! globex (database) reads: hello from globex
//! files: directory.sqlite, rows.sqlite, tenants/tenant-globex.sqlite
//! ```

use std::error::Error;
use std::path::Path;

use tenancy::Sqlite;
use tenancy::directory::TenantEntry;
use tenancy::enforce::{Admitted, admit_job};
use tenancy::names::Subject;
use tenancy::sql::{CreationKey, NewTenant, TenantDb};

const FILE: &str = r#"
version = 1
resolution = { resolvers = ["header"] }
directory = { file = "directory.sqlite" }
[strategies.row]
file = "rows.sqlite"
tables = [{ name = "notes", base_table = "notes_rows" }]
[strategies.database]
folder = "tenants"
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let data = tenancy::open_text::<Sqlite>(FILE, folder.path())
        .with_migrations("row", sqlx::migrate!("migrations/rows"))
        .with_migrations("database", sqlx::migrate!("migrations/files"))
        .without_http()
        .await?;
    for (id, strategy) in [("acme", "row"), ("globex", "database")] {
        let new = NewTenant::new(id.parse()?, strategy.parse()?);
        let entry = data.directory.create(&data.db, &new, &CreationKey::random()).await?;
        let tenant = admit_job(&data.directory, &entry.record().id, Subject::from_static("example")).await?;
        println!("{id} ({strategy}) reads: {}", greet(&data.db, &tenant).await?);
    }
    data.close().await;
    println!("files: {}", files(folder.path(), "")?.join(", "));
    Ok(())
}

/// Knows of no strategy.
async fn greet(db: &TenantDb<Sqlite>, tenant: &Admitted) -> Result<String, Box<dyn Error>> {
    let mut tx = db.begin(tenant).await?;
    let greeting = format!("hello from {}", tenant.id());
    let insert = sqlx::query("insert into notes (body) values ($1)").bind(greeting);
    insert.execute(&mut *tx).await?;
    let select = sqlx::query_scalar("select body from notes");
    let notes: Vec<String> = select.fetch_all(&mut *tx).await?;
    tx.commit().await?;
    Ok(notes.join(", "))
}

/// The databases below a folder.
fn files(folder: &Path, before: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{before}{}", entry.file_name().display());
        if entry.file_type()?.is_dir() {
            files.extend(self::files(&entry.path(), &format!("{name}/"))?);
        } else if name.ends_with(".sqlite") {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}
