//! A process whose configuration is not as the database, and one of before the fence.

use sqlx::Connection;
use tenancy_core::directory::TenantEntry;
use tenancy_sqlx::{
    NewTenant, PgDirectory, PgRowStrategy, PgSchemaStrategy, PgServer, PgTenantTable, StrategyError, StrategyRegistry,
    TenantDb, TransactionError,
};

use crate::postgres::support::fence_server::{self, Fenced, add, count, member};
use crate::postgres::support::server::{TestDatabase, bodies, code};
use crate::postgres::support::{database_server, schema_server};

fn assert_mismatch<T: std::fmt::Debug>(opened: Result<T, StrategyError>, database: bool) {
    match opened {
        Err(StrategyError::FenceMismatch { is_database_fenced }) => assert_eq!(is_database_fenced, database),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_configuration_that_is_not_as_the_database_does_not_open() {
    let database = TestDatabase::new().await;
    assert!(!fence_server::row(&database).is_database_fenced().await.unwrap());
    assert_mismatch(fence_server::row(&database).open().await, false);
    assert_mismatch(fence_server::schema(&database).open().await, false);
    // Nothing was migrated by those.
    let mut administrator = database.connect().await;
    let tables: i64 =
        sqlx::query_scalar("select count(*) from pg_class where relname in ('notes', '_sqlx_migrations')")
            .fetch_one(&mut administrator)
            .await
            .unwrap();
    assert_eq!(tables, 0);
    administrator.close().await.unwrap();

    let fenced = Fenced::new().await;
    let test = &fenced.database;
    assert!(fence_server::row(test).is_database_fenced().await.unwrap());
    assert!(fence_server::schema(test).is_database_fenced().await.unwrap());
    assert_mismatch(test.row().open().await, true);
    assert_mismatch(schema_server::options(test).open().await, true);
    // A process that only serves.
    let server = PgServer::application_only(test.application());
    let tables = server
        .row_tables()
        .unwrap()
        .with_table(PgTenantTable::new("notes").unwrap());
    let row = |server: &PgServer| PgRowStrategy::builder(server.clone(), tables.clone());
    assert_mismatch(row(&server).open().await, true);
    assert_mismatch(PgSchemaStrategy::builder(server.clone()).open().await, true);
    row(&server).with_fence().open().await.unwrap();
    PgSchemaStrategy::builder(server.clone())
        .with_fence()
        .open()
        .await
        .unwrap();
    let enabled = row(&server).enable_fence().await;
    assert!(
        matches!(enabled, Err(StrategyError::NeedsAdministrator { .. })),
        "{enabled:?}"
    );
}

/// The strategy `database` finds out when it connects to a tenant's database.
#[tokio::test]
async fn a_tenant_s_database_is_fenced_when_it_is_provisioned() {
    let test = TestDatabase::new().await;
    let (before, _) = database_server::open(database_server::options(&test)).await;
    database_server::provision_with_note(&before, "acme").await;
    let acme = database_server::member("acme");
    before.close().await;

    let (after, _) = database_server::open(fence_server::database(&test)).await;
    let begun = after.begin(&acme).await;
    let is_mismatch = |begun: &Result<_, TransactionError>| {
        matches!(
            begun,
            Err(TransactionError::Begin {
                source: StrategyError::FenceMismatch { .. },
                ..
            })
        )
    };
    assert!(is_mismatch(&begun), "{begun:?}");
    after.provision(acme.tenant()).await.unwrap();
    assert_eq!(database_server::notes_of(&after, "acme").await, ["of acme"]);

    let (unfenced, _) = database_server::open(database_server::options(&test)).await;
    let begun = unfenced.begin(&acme).await;
    assert!(is_mismatch(&begun), "{begun:?}");
    assert_mismatch(
        Err::<(), _>(database_server::provision_error(&unfenced, "acme").await),
        true,
    );
    assert_eq!(database_server::notes_of(&after, "acme").await, ["of acme"]);
}

/// A process that runs since before the fence is bound to nobody: it sees no rows and writes none.
#[tokio::test]
async fn a_process_of_before_the_fence_sees_no_rows() {
    let test = TestDatabase::new().await;
    let row = test.row().open().await.unwrap();
    let before = TenantDb::new(StrategyRegistry::new().with(row).unwrap());
    let directory = PgDirectory::open(test.administrator()).await.unwrap();
    let new = NewTenant::new("acme".parse().unwrap(), "row".parse().unwrap());
    let entry = directory
        .upsert(&new.with_status(tenancy_core::directory::TenantStatus::Active))
        .await;
    let record = entry.unwrap().record().clone();
    add(&before, &record, "first").await.unwrap();
    assert_eq!(count(&before, &record).await.unwrap(), 1);

    fence_server::row(&test).enable_fence().await.unwrap();
    fence_server::schema(&test).enable_fence().await.unwrap();
    assert_eq!(count(&before, &record).await.unwrap(), 0);
    let mut tx = before.begin(&member(&record)).await.unwrap();
    let late = sqlx::raw_sql("insert into notes (name) values ('late')")
        .execute(&mut *tx)
        .await;
    assert_eq!(code(late), "42501");
    drop(tx);
    let after = fence_server::open(&test).await;
    assert_eq!(count(&after, &record).await.unwrap(), 1);
}

/// A handler's own SQL that names another tenant is not the one who has entered, and a seal is of no use elsewhere or later.
#[tokio::test]
async fn rows_are_those_of_whom_the_transaction_has_entered_as() {
    let fenced = Fenced::new().await;
    let acme = fenced.create("acme", "row").await;
    let globex = fenced.create("globex", "row").await;
    add(&fenced.db, &acme, "of acme").await.unwrap();
    add(&fenced.db, &globex, "of globex").await.unwrap();
    let mut tx = fenced.db.begin_read(&member(&acme)).await.unwrap();
    assert_eq!(bodies(&mut tx).await.len(), 1);
    sqlx::raw_sql("set local app.tenant_id = 'globex'")
        .execute(&mut *tx)
        .await
        .unwrap();
    assert!(bodies(&mut tx).await.is_empty());
    sqlx::raw_sql("set local app.tenant_id = 'acme'")
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(bodies(&mut tx).await.len(), 1);
    let seal: String = sqlx::query_scalar("select current_setting('tenancy.seal')")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let forge = format!("set app.tenant_id = 'acme'; set tenancy.seal = '{seal}'");
    let forge = || sqlx::AssertSqlSafe(forge.clone());
    // In the next transaction of the session, and in another session at once.
    sqlx::raw_sql("rollback").execute(&mut *tx).await.unwrap();
    sqlx::raw_sql("begin").execute(&mut *tx).await.unwrap();
    sqlx::raw_sql(forge()).execute(&mut *tx).await.unwrap();
    assert!(bodies(&mut tx).await.is_empty());
    drop(tx);
    let mut other = fenced.application_of(&acme).await;
    sqlx::raw_sql(forge()).execute(&mut other).await.unwrap();
    assert!(bodies(&mut other).await.is_empty());
}

/// What a handler prepares under the name by which transactions enter neither opens another tenant to the next one, nor refuses it.
#[tokio::test]
async fn a_session_whose_prepared_statement_was_replaced_serves_the_next_tenant() {
    let fenced = Fenced::new().await;
    for strategy in fence_server::STRATEGIES {
        let acme = fenced.create(&format!("acme-{strategy}"), strategy).await;
        add(&fenced.db, &acme, "first").await.unwrap();
        for replacement in [
            "select null::text",
            "select (1 / 0)::text",
            "select tenancy_fence.tenancy_enter('globex', 0, 'administer', true, true)::text",
        ] {
            let sql = format!(
                "deallocate tenancy_enter; prepare tenancy_enter (text, bigint, text, boolean, boolean) as {replacement}"
            );
            let mut tx = fenced.db.begin(&member(&acme)).await.unwrap();
            // Behind a pooler nothing is prepared.
            let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *tx).await;
            let _ = tx.commit().await;
            let seen = count(&fenced.db, &acme).await.unwrap();
            assert!(
                strategy == "row" && seen == 0 || seen == 1,
                "{strategy}: {replacement}: {seen}"
            );
        }
    }
}
