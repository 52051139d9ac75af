//! The repository, without tenants and with them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use sqlx::{Sqlite, SqlitePool};
use sqlx_repository::{NewNote, Note, NotesError, add_all, count, note, search, starred};
use tenancy_sqlx::testing::{TestSqlite, TestTenant, db_of, provisioned};
use tenancy_sqlx::{TenantDb, TenantTable};

const NOTES: [NewNote<'static>; 2] = [
    NewNote {
        id: "1",
        body: "hello world",
        stars: 5,
    },
    NewNote {
        id: "2",
        body: "hello",
        stars: 1,
    },
];

fn first() -> Note {
    Note {
        id: "1".to_owned(),
        body: "hello world".to_owned(),
        stars: 5,
    }
}

/// `#[sqlx::test]` makes a database for the test. There is no tenant in it: it is for the queries alone.
#[sqlx::test(migrations = "migrations/tenant")]
async fn the_queries_alone(pool: SqlitePool) {
    add_all(&mut pool.acquire().await.unwrap(), &NOTES).await.unwrap();
    assert_eq!(note(&pool, "1").await.unwrap(), Some(first()));
    assert_eq!(starred(&pool, 3).await.unwrap(), [first()]);
    assert_eq!(search(&pool, &["hello", "world"]).await.unwrap(), [first()]);
    assert_eq!(count(&pool).await.unwrap(), 2);
}

async fn each_tenant_has_its_own(db: TenantDb<Sqlite>, strategy: &str) {
    let tenant = |id| TestTenant::new(id).with_strategy(strategy);
    let acme = provisioned(&db, &tenant("acme")).await.unwrap();
    let globex = provisioned(&db, &tenant("globex")).await.unwrap();
    let added = db.run(&acme, async |tx| {
        add_all(&mut *tx, &NOTES).await?;
        Ok::<_, NotesError>(count(&mut **tx).await?)
    });
    assert_eq!(added.await.unwrap(), 2);
    let mut tx = db.begin_read(&acme).await.unwrap();
    assert_eq!(note(&mut *tx, "1").await.unwrap(), Some(first()));
    assert_eq!(starred(&mut *tx, 3).await.unwrap(), [first()]);
    assert_eq!(search(&mut *tx, &["world"]).await.unwrap(), [first()]);
    drop(tx);
    let mut tx = db.begin_read(&globex).await.unwrap();
    assert_eq!(note(&mut *tx, "1").await.unwrap(), None, "{strategy}");
    assert_eq!(count(&mut *tx).await.unwrap(), 0, "{strategy}");
}

#[tokio::test]
async fn the_queries_of_tenants() {
    let sqlite = TestSqlite::new().unwrap();
    let row = sqlite
        .row()
        .with_migrations(sqlx::migrate!("migrations/shared"))
        .with_table(TenantTable::new("notes", "notes_rows").unwrap());
    each_tenant_has_its_own(db_of(row.open().await.unwrap()), "row").await;
    let files = sqlite.database().with_migrations(sqlx::migrate!("migrations/tenant"));
    each_tenant_has_its_own(db_of(files.open().await.unwrap()), "database").await;
}
