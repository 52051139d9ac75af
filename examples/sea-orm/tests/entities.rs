//! Entities on every strategy. PostgreSQL is at `DATABASE_URL`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, ModelTrait, QueryOrder, Set, TransactionSession,
    TransactionTrait,
};
use sea_orm_tenants::{Backend, TenantConnection, sqlx_error};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Postgres, SqlSafeStr};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::testing::{TestPostgres, TestSqlite, TestTenant, db_of, provisioned};
use tenancy_sqlx::{ErrorKind, PgTenantTable, TenantDb, TenantTable};

mod note {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notes")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: String,
        pub(crate) body: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const OWN: &str = "create table notes (id text not null primary key, body text not null)";
const SHARED: &str = "create table notes (tenant_id text not null, id text not null, body text not null,
    primary key (tenant_id, id))";
const SHARED_ON_SQLITE: &str = "create table notes_rows (tenant_id text not null, id text not null, body text not null,
    primary key (tenant_id, id))";

fn migrations(sql: &'static str) -> Migrator {
    let migration = Migration::new(1, "notes".into(), MigrationType::Simple, sql.into_sql_str(), false);
    Migrator::with_migrations(vec![migration])
}

fn note(id: &str, body: &str) -> note::ActiveModel {
    note::ActiveModel {
        id: Set(id.to_owned()),
        body: Set(body.to_owned()),
    }
}

async fn bodies(connection: &impl ConnectionTrait) -> Vec<String> {
    let notes = note::Entity::find()
        .order_by_asc(note::Column::Id)
        .all(connection)
        .await
        .unwrap();
    notes
        .into_iter()
        .map(|note| format!("{} {}", note.id, note.body))
        .collect()
}

async fn committed<DB: Backend>(db: &TenantDb<DB>, tenant: &Admitted) -> Vec<String> {
    bodies(&TenantConnection::begin_read(db, tenant).await.unwrap()).await
}

/// All of it, for two tenants of one strategy.
async fn works<DB: Backend>(db: TenantDb<DB>, strategy: &str) {
    let tenant = |id| TestTenant::new(id).with_strategy(strategy);
    let acme = provisioned(&db, &tenant("acme")).await.unwrap();
    let globex = provisioned(&db, &tenant("globex")).await.unwrap();
    let orm = TenantConnection::begin(&db, &globex).await.unwrap();
    note("1", "of globex").insert(&orm).await.unwrap();
    orm.commit().await.unwrap();

    let orm = TenantConnection::begin(&db, &acme).await.unwrap();
    let first = note("1", "first").insert(&orm).await.unwrap();
    note("2", "second").insert(&orm).await.unwrap();
    let changed = note::ActiveModel {
        body: Set("changed".to_owned()),
        ..first.clone().into()
    };
    changed.update(&orm).await.unwrap();
    assert_eq!(bodies(&orm).await, ["1 changed", "2 second"]);
    note::Entity::find_by_id("2")
        .one(&orm)
        .await
        .unwrap()
        .unwrap()
        .delete(&orm)
        .await
        .unwrap();
    orm.commit().await.unwrap();
    assert_eq!(committed(&db, &acme).await, ["1 changed"], "{strategy}");

    // Dropped, it rolls back.
    let orm = TenantConnection::begin(&db, &acme).await.unwrap();
    note::Entity::delete_many().exec(&orm).await.unwrap();
    drop(orm);
    assert_eq!(committed(&db, &acme).await, ["1 changed"], "{strategy}");

    savepoints(&db, &acme).await;
    refusals(&db, &acme).await;
    assert_eq!(committed(&db, &globex).await, ["1 of globex"], "{strategy}");
    db.close().await;
}

async fn savepoints<DB: Backend>(db: &TenantDb<DB>, acme: &Admitted) {
    let orm = TenantConnection::begin(db, acme).await.unwrap();
    let outer = orm.begin().await.unwrap();
    note("3", "kept").insert(&outer).await.unwrap();
    let inner = outer.begin().await.unwrap();
    note("4", "undone").insert(&inner).await.unwrap();
    inner.rollback().await.unwrap();
    let inner = outer.begin().await.unwrap();
    note("5", "dropped").insert(&inner).await.unwrap();
    drop(inner);
    outer.commit().await.unwrap();

    let failed = orm.transaction::<_, (), DbErr>(|savepoint| {
        Box::pin(async move {
            note("6", "failed").insert(savepoint).await?;
            Err(DbErr::Custom("changed our mind".to_owned()))
        })
    });
    failed.await.unwrap_err();

    // Dropped last of all: undone by the commit itself. The outer one goes first, and takes the inner one with it.
    let outer = orm.begin().await.unwrap();
    note("7", "dropped").insert(&outer).await.unwrap();
    let inner = outer.begin().await.unwrap();
    note("8", "dropped").insert(&inner).await.unwrap();
    drop(outer);
    drop(inner);
    orm.commit().await.unwrap();
    assert_eq!(committed(db, acme).await, ["1 changed", "3 kept"]);

    // One that is still open is not committed in half.
    let orm = TenantConnection::begin(db, acme).await.unwrap();
    let open = orm.begin().await.unwrap();
    note("9", "open").insert(&open).await.unwrap();
    orm.commit().await.unwrap_err();
    drop(open);
    assert_eq!(committed(db, acme).await, ["1 changed", "3 kept"]);
}

async fn refusals<DB: Backend>(db: &TenantDb<DB>, acme: &Admitted) {
    let orm = TenantConnection::begin(db, acme).await.unwrap();
    let serializable = Some(sea_orm::IsolationLevel::Serializable);
    assert!(orm.begin_with_config(serializable, None).await.is_err());
    // A savepoint recovers from a statement that fails.
    let savepoint = orm.begin().await.unwrap();
    let taken = note("1", "twice").insert(&savepoint).await.unwrap_err();
    let error = sqlx_error(&taken).unwrap();
    assert_eq!(ErrorKind::of(error), ErrorKind::Conflict, "{taken:?}");
    savepoint.rollback().await.unwrap();
    assert_eq!(bodies(&orm).await, ["1 changed", "3 kept"]);
    drop(orm);
    let orm = TenantConnection::begin_read(db, acme).await.unwrap();
    assert!(note("9", "a read writes").insert(&orm).await.is_err());
}

#[tokio::test]
async fn on_sqlite() {
    let sqlite = TestSqlite::new().unwrap();
    let row = sqlite
        .row()
        .with_migrations(migrations(SHARED_ON_SQLITE))
        .with_table(TenantTable::new("notes", "notes_rows").unwrap());
    works(db_of(row.open().await.unwrap()), "row").await;
    let files = sqlite.database().with_migrations(migrations(OWN));
    works(db_of(files.open().await.unwrap()), "database").await;
}

#[tokio::test]
async fn on_postgres() {
    let url = std::env::var("DATABASE_URL").unwrap();
    let postgres = TestPostgres::new(&url).await.unwrap();
    let tables = postgres.tables().with_table(PgTenantTable::new("notes").unwrap());
    let row = postgres.row(tables).with_migrations(migrations(SHARED));
    works::<Postgres>(db_of(row.open().await.unwrap()), "row").await;
    let schema = postgres.schema().with_migrations(migrations(OWN));
    works::<Postgres>(db_of(schema.open().await.unwrap()), "schema").await;
    let database = postgres.database().with_migrations(migrations(OWN));
    works::<Postgres>(db_of(database.open().await.unwrap()), "database").await;
}
