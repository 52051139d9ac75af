//! A tenant that was not provisioned, where a pooler answers for its database.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Postgres};
use tenancy_sqlx::{PoolSettings, StrategyError, TenantDb};

use crate::support::database_server::{begin_error, member, notes_of, open, options, provision_with_note};
use crate::support::server::TestDatabase;

/// Much longer than PgBouncer's `server_login_retry` in these tests.
const TIMEOUT: Duration = Duration::from_secs(20);

/// PgBouncer tells nobody that there is no such database: it keeps the first who asks waiting, and for a while
/// refuses the others by an error of its own. So it is an error, and not known to be `NotProvisioned`.
async fn assert_not_served(db: &TenantDb<Postgres>, id: &str) {
    match begin_error(db, id).await {
        StrategyError::Database(sqlx::Error::PoolTimedOut) => {}
        StrategyError::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("08P01") => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tenant_without_a_database_is_not_served() {
    let database = TestDatabase::new().await;
    let options = options(&database).with_pool(
        PoolSettings::new()
            .with_max_connections(1)
            .with_acquire_timeout(Duration::from_secs(1)),
    );
    let (db, strategy) = open(options).await;
    provision_with_note(&db, "acme").await;
    for _ in 0..3 {
        assert_not_served(&db, "globex").await;
        // The only place is free again.
        assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    }
    // PgBouncer keeps sessions of the application's role there, which the administrator must be allowed to end. It asks for
    // passwords as a superuser here, whose session no ordinary administrator can end.
    let mut superuser = database.superuser().await;
    let allow = format!("grant pg_signal_backend to {}", database.administrator_role());
    sqlx::raw_sql(AssertSqlSafe(allow))
        .execute(&mut superuser)
        .await
        .unwrap();
    let end = "select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where usename <> $1 and starts_with(datname, $2)";
    sqlx::query(end)
        .bind(database.application_role())
        .bind(database.prefix())
        .execute(&mut superuser)
        .await
        .unwrap();
    strategy
        .dangerously_drop_database(member("acme").tenant())
        .await
        .unwrap();
    for _ in 0..2 {
        assert_not_served(&db, "acme").await;
    }
    // Who was asked for before it was made is served some time after.
    for id in ["globex", "acme"] {
        db.provision(member(id).tenant()).await.unwrap();
        let made = Instant::now();
        while let Err(error) = db.begin(&member(id)).await {
            assert!(made.elapsed() < TIMEOUT, "{error:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(notes_of(&db, id).await, [""; 0], "{id} has nothing of before");
    }
}
