//! Writers of the directory that wait for each other.

use crate::postgres::connection::cancel::poll_at_most;
use crate::postgres::directory::directory_writes::{db, new, pool_of, wait_until_nothing_is_left};
use crate::postgres::support::server::TestDatabase;
use sqlx::Connection;
use tenancy_core::directory::{Member, TenantEntry, TenantStatus};
use tenancy_core::names::{Subject, TenantId};
use tenancy_sqlx::{CreateError, CreationKey, DirectoryError, ForgetError, LifecycleError, PgDirectory, UpsertError};

/// The directory's error, which is what stands in the way of a verb.
fn directory_error(done: Result<bool, LifecycleError>) -> Result<bool, DirectoryError> {
    done.map_err(|error| match error {
        LifecycleError::Directory(error) => error,
        other => panic!("{other:?}"),
    })
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
        directory_error(impatient.set_status(&acme, TenantStatus::Suspended).await),
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
    let busy = directory_error(impatient.set_status(&acme, TenantStatus::Suspended).await);
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

/// One who has the table, as a creation and an upsert have, and then changes a row: nobody holds that row and waits for the
/// table meanwhile.
#[tokio::test]
async fn a_change_of_one_tenant_stands_in_nobodys_way() {
    within_a_minute(suspend_beside_one_who_has_the_table()).await;
}

async fn suspend_beside_one_who_has_the_table() {
    let database = TestDatabase::new().await;
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    directory.upsert(&new("acme")).await.unwrap();
    let mut holder = database.connect().await;
    let mut lock = holder.begin().await.unwrap();
    sqlx::raw_sql("lock table tenancy_tenants in share row exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    let suspending = tokio::spawn(async move { directory.suspend(&"acme".parse().unwrap()).await });
    let sql = "select count(*) from pg_locks where not granted and database = (
        select oid from pg_database where datname = current_database())";
    let mut other = database.connect().await;
    while sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut other).await.unwrap() == 0 {}
    let renamed = sqlx::query("update tenancy_tenants set name = 'Acme Inc' where id = 'acme'")
        .execute(&mut *lock)
        .await;
    assert_eq!(renamed.unwrap().rows_affected(), 1);
    lock.commit().await.unwrap();
    assert!(suspending.await.unwrap().unwrap());
}
