//! Changes of the directory that are cancelled, that wait, and that run beside one another.

use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool, Postgres};
use tenancy_core::directory::{Member, TenantEntry, TenantStatus};
use tenancy_core::names::{Subject, TenantId, TenantKey};
use tenancy_sqlx::{
    CreateError, CreationKey, DirectoryError, ForgetError, NewTenant, PgDirectory, StrategyRegistry, TenantDb,
    UpsertError,
};

use crate::postgres::connection::cancel::poll_at_most;
use crate::postgres::support::schema_server;
use crate::postgres::support::server::TestDatabase;

async fn pool_of(database: &TestDatabase, connections: u32) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(connections);
    pool.connect_with(database.administrator()).await.unwrap()
}

async fn db(database: &TestDatabase) -> TenantDb<Postgres> {
    let schema = schema_server::options(database).open().await.unwrap();
    TenantDb::new(StrategyRegistry::new().with(schema).unwrap())
}

fn new(id: &str) -> NewTenant {
    NewTenant::new(id.parse().unwrap(), "schema".parse().unwrap())
}

fn domain() -> TenantKey {
    TenantKey::Domain("acme.net".parse().unwrap())
}

/// As another process sees it: committed.
async fn seen(connection: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// Waits until no other session holds a lock on the directory, or a transaction open.
async fn wait_until_nothing_is_left(connection: &mut PgConnection) {
    let sql = "select (select count(*) from pg_locks where relation in (select oid from pg_class where relname like 'tenancy\\_%')
            and pid <> pg_backend_pid())
        + (select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%')";
    for _ in 0..1_000 {
        if seen(connection, sql).await == 0 {
            return;
        }
        tokio::task::yield_now().await;
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
    let mut cancelled = 0;
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
            5 => poll_at_most(polls, directory.remove_member(&acme, alice.subject()))
                .await
                .map(drop),
            6 => poll_at_most(polls, directory.dangerously_set_placement(&acme, None))
                .await
                .map(drop),
            _ => poll_at_most(polls, directory.dangerously_end_quarantine(&domain()))
                .await
                .map(drop),
        };
        cancelled += u32::from(is_done.is_none());
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
    // What is polled once at most is always cancelled; the rest depends on how quickly the server answers.
    assert!(cancelled >= 32, "{cancelled} cancelled");
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
        assert!(directory.remove_member(&acme, alice.subject()).await.unwrap());
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

/// Bounded, so that one who waits for ever fails the test.
async fn within_a_minute(waiting: impl Future<Output = ()>) {
    let limit = std::time::Duration::from_secs(60);
    tokio::time::timeout(limit, waiting)
        .await
        .expect("somebody waits for ever");
}

#[tokio::test]
async fn a_writer_that_waits_for_too_long_can_try_again() {
    within_a_minute(wait_for_the_table()).await;
}

async fn wait_for_the_table() {
    let database = TestDatabase::new().await;
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    let db = db(&database).await;
    directory.upsert(&new("acme")).await.unwrap();
    let impatient = directory
        .clone()
        .with_lock_timeout(std::time::Duration::from_millis(20));
    let mut holder = database.connect().await;
    let mut lock = holder.begin().await.unwrap();
    sqlx::raw_sql("lock table tenancy_tenants in exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    let (acme, alice) = ("acme".parse().unwrap(), Member::new(Subject::from_static("alice")));
    let is_busy = |error: &DirectoryError| matches!(error, DirectoryError::Busy(_));
    match impatient.upsert(&new("acme")).await {
        Err(UpsertError::Directory(error)) if is_busy(&error) => assert_eq!(
            error.to_string(),
            "failed to get a lock in the directory, which another writer holds"
        ),
        other => panic!("{other:?}"),
    }
    let all = impatient.upsert_all(&[new("a"), new("b")]).await.unwrap_err();
    assert_eq!(all.index(), None, "no tenant is to blame");
    assert!(
        matches!(all.reason(), UpsertError::Directory(error) if is_busy(error)),
        "{all:?}"
    );
    assert_eq!(all.to_string(), "failed to put the tenants into the directory");
    let created = impatient.create(&db, &new("b"), &CreationKey::random()).await;
    assert!(
        matches!(&created, Err(CreateError::Directory(error)) if is_busy(error)),
        "{created:?}"
    );
    let removed = impatient.remove(&acme).await;
    assert!(
        matches!(&removed, Err(ForgetError::Directory(error)) if is_busy(error)),
        "{removed:?}"
    );
    for busy in [
        impatient.set_status(&acme, TenantStatus::Suspended).await,
        impatient.add_member(&acme, &alice).await,
        impatient.dangerously_set_placement(&acme, None).await,
    ] {
        assert!(matches!(&busy, Err(error) if is_busy(error)), "{busy:?}");
    }
    // Readers do not wait, and nothing of it was done.
    assert_eq!(directory.list().await.unwrap().len(), 1);
    lock.rollback().await.unwrap();
    for _ in 0..2 {
        assert!(impatient.set_status(&acme, TenantStatus::Suspended).await.unwrap());
        impatient.upsert(&new("acme")).await.unwrap();
    }
}

/// A row that somebody is changing for long is waited for no longer than the table.
#[tokio::test]
async fn a_writer_that_waits_for_a_row_can_try_again() {
    within_a_minute(wait_for_the_row()).await;
}

async fn wait_for_the_row() {
    let database = TestDatabase::new().await;
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    directory.upsert(&new("acme")).await.unwrap();
    let impatient = directory.with_lock_timeout(std::time::Duration::ZERO);
    let mut holder = database.connect().await;
    let mut lock = holder.begin().await.unwrap();
    sqlx::raw_sql("select from tenancy_tenants for update")
        .execute(&mut *lock)
        .await
        .unwrap();
    let acme = "acme".parse().unwrap();
    let busy = impatient.set_status(&acme, TenantStatus::Suspended).await;
    assert!(matches!(busy, Err(DirectoryError::Busy(_))), "{busy:?}");
}

/// Two processes, with futures that are dropped anywhere: what was answered is so, and of the claims one holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_two_processes_race() {
    let database = TestDatabase::new().await;
    let db = db(&database).await;
    let mut other = database.connect().await;
    let processes = [
        PgDirectory::from_pool(pool_of(&database, 2).await).await.unwrap(),
        PgDirectory::from_pool(pool_of(&database, 2).await).await.unwrap(),
    ];
    for round in 0..20_u32 {
        let id = format!("t{round}");
        let at_once: Vec<_> = (0..6_u32)
            .map(|number| {
                let process = processes[number as usize % 2].clone();
                let (db, id, key) = (db.clone(), id.clone(), format!("key{number}"));
                tokio::spawn(async move {
                    let tenant = new(&id).with_member(key.parse().unwrap());
                    let id: TenantId = id.parse().unwrap();
                    let rival = new(&format!("{id}-{number}")).with_domain(format!("{id}.example").parse().unwrap());
                    let polls = (round * 7 + number * 5) % 24;
                    drop(poll_at_most(polls, process.upsert(&rival)).await);
                    let _ = poll_at_most(polls, process.set_status(&id, TenantStatus::Suspended)).await;
                    let created = poll_at_most(polls * 3, process.create(&db, &tenant, &key.parse().unwrap())).await;
                    match created {
                        Some(Ok(_)) => Some(key),
                        Some(Err(CreateError::AlreadyExists { .. })) | None => None,
                        Some(Err(other)) => panic!("{other:?}"),
                    }
                })
            })
            .collect();
        let mut winners = Vec::new();
        for one in at_once {
            winners.extend(one.await.unwrap());
        }
        assert!(winners.len() <= 1, "{winners:?}");
        // Whose it is goes on to the end; if it is nobody's, the first who comes has it.
        let mut owner = None;
        for number in 0..6_u32 {
            let key = format!("key{number}");
            let tenant = new(&id).with_member(key.parse().unwrap());
            if processes[0].create(&db, &tenant, &key.parse().unwrap()).await.is_ok() {
                assert!(owner.replace(key).is_none(), "two keys hold {id}");
            }
        }
        let owner = owner.expect("somebody has it");
        assert!(winners.is_empty() || winners[0] == owner, "{winners:?}, {owner}");
        let members = "select count(*) from tenancy_members where tenant = $1";
        let members: i64 = sqlx::query_scalar(members)
            .bind(&id)
            .fetch_one(&mut other)
            .await
            .unwrap();
        assert_eq!(members, 1);
        let claim = "select count(*) from tenancy_domains where domain = $1";
        let claims: i64 = sqlx::query_scalar(claim)
            .bind(format!("{id}.example"))
            .fetch_one(&mut other)
            .await
            .unwrap();
        assert!(claims <= 1);
    }
    wait_until_nothing_is_left(&mut other).await;
    assert!(
        processes[0]
            .list()
            .await
            .unwrap()
            .iter()
            .any(|entry| entry.record().id == "t0")
    );
}

/// A member who is added while their tenant is removed: one of the two comes first, and neither fails otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_and_a_removal_do_not_fail_by_each_other() {
    let database = TestDatabase::new().await;
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    for round in 0..30 {
        let tenant = new(&format!("t{round}")).with_status(TenantStatus::Archived);
        let id = directory.upsert(&tenant).await.unwrap().record().id.clone();
        let adding: Vec<_> = (0..4)
            .map(|number| {
                let (directory, id) = (directory.clone(), id.clone());
                let member = Member::new(format!("m{number}").parse().unwrap());
                tokio::spawn(async move { directory.add_member(&id, &member).await })
            })
            .collect();
        assert!(directory.remove(&id).await.unwrap());
        for added in adding {
            match added.await.unwrap() {
                Ok(_) | Err(DirectoryError::UnknownTenant { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}
