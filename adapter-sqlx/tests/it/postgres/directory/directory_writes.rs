//! Changes of the directory that are cancelled, that wait, and that run beside one another.

use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool, Postgres};
use tenancy_core::directory::{Member, TenantStatus};
use tenancy_core::names::{Subject, TenantId, TenantKey};
use tenancy_sqlx::{CreationKey, NewTenant, PgDirectory, StrategyRegistry, TenantDb};

use crate::postgres::connection::cancel::poll_at_most;
use crate::postgres::support::schema_server;
use crate::postgres::support::server::TestDatabase;

pub(super) async fn pool_of(database: &TestDatabase, connections: u32) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(connections);
    pool.connect_with(database.administrator()).await.unwrap()
}

pub(super) async fn db(database: &TestDatabase) -> TenantDb<Postgres> {
    let schema = schema_server::options(database).open().await.unwrap();
    TenantDb::new(StrategyRegistry::new().with(schema).unwrap())
}

pub(super) fn new(id: &str) -> NewTenant {
    NewTenant::new(id.parse().unwrap(), "schema".parse().unwrap()).with_status(TenantStatus::Active)
}

pub(super) fn domain() -> TenantKey {
    TenantKey::Domain("acme.net".parse().unwrap())
}

/// As another process sees it: committed.
async fn seen(connection: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// Waits until no other session holds a lock on the directory, or a transaction open.
pub(super) async fn wait_until_nothing_is_left(connection: &mut PgConnection) {
    let sql = "select (select count(*) from pg_locks where relation in (select oid from pg_class where relname like 'tenancy\\_%')
            and pid <> pg_backend_pid())
        + (select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%')";
    // Ten seconds and more: a machine under load is slow to roll back, and a lock that is left stays for good.
    for _ in 0..1_000 {
        if seen(connection, sql).await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("a lock or a transaction is left");
}

/// A pool of one, so that the next caller has the connection of the one who went away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_dropped_anywhere_leaves_nothing_and_no_ok_is_lost() {
    let database = TestDatabase::new().await;
    let directory = PgDirectory::from_pool(pool_of(&database, 1).await).await.unwrap();
    let db = db(&database).await;
    let mut other = database.connect().await;
    directory.upsert(&new("acme")).await.unwrap();
    let (acme, key): (TenantId, CreationKey) = ("acme".parse().unwrap(), "key".parse().unwrap());
    let alice = Member::new(Subject::from_static("alice"));
    let mut cancelled_under_way = 0;
    for round in 0..160 {
        let (polls, tenant) = (round % 10, new("globex").with_member(alice.clone()));
        let is_done = match round / 10 % 8 {
            0 => poll_at_most(polls, directory.upsert(&tenant)).await.map(drop),
            1 => poll_at_most(polls, directory.create(&db, &tenant, &key))
                .await
                .map(drop),
            2 => poll_at_most(polls, directory.remove(&acme)).await.map(drop),
            3 => poll_at_most(polls, directory.upsert_all(&[tenant])).await.map(drop),
            4 => poll_at_most(polls, directory.add_member(&acme, &alice)).await.map(drop),
            5 => poll_at_most(polls, directory.remove_member(&acme, alice.subject(), None))
                .await
                .map(drop),
            6 => poll_at_most(polls, directory.dangerously_set_placement(&acme, None))
                .await
                .map(drop),
            _ => poll_at_most(polls, directory.dangerously_end_quarantine(&domain()))
                .await
                .map(drop),
        };
        assert!(polls > 0 || is_done.is_none(), "round {round}");
        cancelled_under_way += u32::from(polls > 0 && is_done.is_none());
        // Other processes write, and nobody has used the connection since.
        wait_until_nothing_is_left(&mut other).await;
        let (status, sql) = if round % 2 == 0 {
            (
                TenantStatus::Suspended,
                "select count(*) from tenancy_tenants where id = 'acme' and status = 'suspended'",
            )
        } else {
            (
                TenantStatus::Active,
                "select count(*) from tenancy_tenants where id = 'acme' and status = 'active'",
            )
        };
        assert!(directory.set_status(&acme, status).await.unwrap(), "round {round}");
        assert_eq!(seen(&mut other, sql).await, 1, "round {round}: Ok, and not committed");
    }
    // How many depends on how quickly the server answers.
    assert!(cancelled_under_way > 0, "nothing was cancelled under way");
    wait_until_nothing_is_left(&mut other).await;
    let another = PgDirectory::open(database.administrator()).await.unwrap();
    another.upsert(&new("initech")).await.unwrap();
}

/// What an application leaves behind in its own pool.
async fn soil(pool: &PgPool, how: &str) {
    let mut connection = pool.acquire().await.unwrap();
    match how {
        "begun" => drop(sqlx::raw_sql("begin").execute(&mut *connection).await),
        "begun, and written" => {
            let sql = "begin; create table left_open (x int)";
            drop(sqlx::raw_sql(sql).execute(&mut *connection).await);
        }
        "failed" => drop(sqlx::raw_sql("begin; select 1 / 0").execute(&mut *connection).await),
        "read only" => {
            let sql = "set default_transaction_read_only = on; set default_transaction_isolation = 'serializable'";
            drop(sqlx::raw_sql(sql).execute(&mut *connection).await);
        }
        "counted by sqlx" => std::mem::forget(connection.begin().await.unwrap()),
        _ => panic!("{how}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_open_in_the_applications_pool_takes_no_write_away() {
    let database = TestDatabase::new().await;
    let pool = pool_of(&database, 1).await;
    let directory = PgDirectory::from_pool(pool.clone()).await.unwrap();
    let mut other = database.connect().await;
    let (acme, alice) = ("acme".parse().unwrap(), Member::new(Subject::from_static("alice")));
    for how in ["begun", "begun, and written", "failed", "read only", "counted by sqlx"] {
        let count = async |other: &mut PgConnection, sql| assert_eq!(seen(other, sql).await, 1, "{how}: {sql}");
        soil(&pool, how).await;
        directory
            .upsert(&new("acme").with_slug("shop".parse().unwrap()))
            .await
            .unwrap();
        count(&mut other, "select count(*) from tenancy_tenants where slug = 'shop'").await;
        soil(&pool, how).await;
        assert!(directory.set_status(&acme, TenantStatus::Suspended).await.unwrap());
        count(
            &mut other,
            "select count(*) from tenancy_tenants where status = 'suspended'",
        )
        .await;
        soil(&pool, how).await;
        assert!(directory.add_member(&acme, &alice).await.unwrap());
        count(&mut other, "select count(*) from tenancy_members").await;
        soil(&pool, how).await;
        assert!(directory.remove_member(&acme, alice.subject(), None).await.unwrap());
        count(&mut other, "select 1 - count(*) from tenancy_members").await;
        soil(&pool, how).await;
        let place = "eu-1".parse().unwrap();
        assert!(directory.dangerously_set_placement(&acme, Some(&place)).await.unwrap());
        count(
            &mut other,
            "select count(*) from tenancy_tenants where placement = 'eu-1'",
        )
        .await;
        soil(&pool, how).await;
        directory.upsert_all(&[new("acme")]).await.unwrap();
        count(&mut other, "select count(*) from tenancy_tenants where slug = 'acme'").await;
        soil(&pool, how).await;
        let key = TenantKey::Slug("shop".parse().unwrap());
        assert!(directory.dangerously_end_quarantine(&key).await.unwrap());
        count(&mut other, "select 1 - count(*) from tenancy_tombstones").await;
        sqlx::raw_sql("update tenancy_tenants set status = 'archived'")
            .execute(&mut other)
            .await
            .unwrap();
        soil(&pool, how).await;
        assert!(directory.remove(&acme).await.unwrap());
        count(&mut other, "select 1 - count(*) from tenancy_tenants").await;
        sqlx::raw_sql("truncate tenancy_tombstones")
            .execute(&mut other)
            .await
            .unwrap();
        count(&mut other, "select count(*) where to_regclass('left_open') is null").await;
    }
}
