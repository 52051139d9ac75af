//! Rows: the notes of two tenants in one table, and no statement names a tenant.
//!
//! ```text
//! acme reads: buy milk
//! globex reads: sell milk
//! acme deletes all notes
//! acme reads: nothing
//! globex reads: sell milk
//! ```

use std::error::Error;

use tenancy::enforce::{Admitted, admit_job};
use tenancy::names::Subject;
use tenancy::sql::{CreationKey, NewTenant, TenantDb};
use tenancy::{Data, Sqlite};

const FILE: &str = r#"
version = 1
resolution = { resolvers = ["header"] }
directory = { file = "directory.sqlite" }
[strategies.row]
file = "rows.sqlite"
tables = [{ name = "notes", base_table = "notes_rows" }]
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let open = tenancy::open_text::<Sqlite>(FILE, folder.path());
    let open = open.with_migrations("row", sqlx::migrate!("migrations/rows"));
    let data = open.without_http().await?;
    let (acme, globex) = (tenant(&data, "acme").await?, tenant(&data, "globex").await?);
    write(&data.db, &acme, "buy milk").await?;
    write(&data.db, &globex, "sell milk").await?;
    println!("acme reads: {}", read(&data.db, &acme).await?);
    println!("globex reads: {}", read(&data.db, &globex).await?);
    let mut tx = data.db.begin(&acme).await?;
    sqlx::query("delete from notes").execute(&mut *tx).await?;
    tx.commit().await?;
    println!("acme deletes all notes");
    println!("acme reads: {}", read(&data.db, &acme).await?);
    println!("globex reads: {}", read(&data.db, &globex).await?);
    Ok(())
}

/// A new tenant, and the proof that this program may act for it. In a service a request's is the `Tenant` of its handler.
async fn tenant(data: &Data<Sqlite>, id: &str) -> Result<Admitted, Box<dyn Error>> {
    let new = NewTenant::new(id.parse()?, "row".parse()?);
    data.directory.create(&data.db, &new, &CreationKey::random()).await?;
    Ok(admit_job(&data.directory, &id.parse()?, Subject::from_static("example")).await?)
}

async fn write(db: &TenantDb<Sqlite>, tenant: &Admitted, note: &str) -> Result<(), Box<dyn Error>> {
    let mut tx = db.begin(tenant).await?;
    let insert = sqlx::query("insert into notes (body) values ($1)").bind(note);
    insert.execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

async fn read(db: &TenantDb<Sqlite>, tenant: &Admitted) -> Result<String, Box<dyn Error>> {
    let mut tx = db.begin_read(tenant).await?;
    let notes: Vec<String> = sqlx::query_scalar("select body from notes").fetch_all(&mut *tx).await?;
    Ok(if notes.is_empty() {
        "nothing".to_owned()
    } else {
        notes.join(", ")
    })
}
