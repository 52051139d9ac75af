//! Impersonation as the role of a process that only serves, and what somebody who acts in a member's place may do.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenancy_core::context::sync_scope;
use tenancy_core::directory::{Impersonations, TenantStatus};
use tenancy_core::enforce::Standing;
use tenancy_core::names::Subject;
use tenancy_core::request::Actor;
use tenancy_sqlx::{
    Begin, DirectoryError, ErrorKind, ImpersonateError, IsolationLevel, NewImpersonation, NewTenant, PgDirectory,
    TenantTransaction, TransactionError,
};

use super::strategies::{STRATEGIES, member, record, serve, set_up};
use crate::postgres::support::server::{TestDatabase, bodies, code};
use crate::staff::let_in_to_act;

fn carol() -> Subject {
    Subject::from_static("support:carol")
}

fn of_acme() -> NewImpersonation {
    NewImpersonation::new("acme".parse().unwrap(), carol(), "ticket 4711".parse().unwrap())
}

async fn two_directories(database: &TestDatabase) -> (PgDirectory, PgDirectory) {
    let written = PgDirectory::open(database.administrator()).await.unwrap();
    let role = database.application_role().parse().unwrap();
    written.allow_reading(&role).await.unwrap();
    let acme = NewTenant::new("acme".parse().unwrap(), "row".parse().unwrap()).with_status(TenantStatus::Active);
    written.upsert(&acme).await.unwrap();
    // A role that reads by default redeems all the same.
    let reads = database
        .application()
        .options([("default_transaction_read_only", "on")]);
    (written, PgDirectory::open_read_only(reads).await.unwrap())
}

#[tokio::test]
async fn a_process_that_only_serves_redeems_and_makes_nothing() {
    let database = TestDatabase::new().await;
    let (written, serving) = two_directories(&database).await;
    let refused = serving.impersonate(&of_acme()).await.unwrap_err();
    assert!(
        matches!(refused, ImpersonateError::Directory(DirectoryError::ReadOnly)),
        "{refused}"
    );

    let granted = written.impersonate(&of_acme()).await.unwrap();
    let session = serving
        .redeem_impersonation(granted.secret.expose())
        .await
        .unwrap()
        .unwrap();
    assert!(
        serving
            .redeem_impersonation(granted.secret.expose())
            .await
            .unwrap()
            .is_none()
    );
    let claims = serving.session(session.secret.expose()).await.unwrap();
    assert!(claims.is_some() && serving.lasts(&granted.id).await.unwrap());
    let refused = serving.end_impersonation(&granted.id).await.unwrap_err();
    assert!(matches!(refused, DirectoryError::ReadOnly), "{refused}");
    let events = written.events(0, 100.try_into().unwrap()).await.unwrap();
    let started = events.last().unwrap();
    assert_eq!(
        (started.kind.as_str(), started.actor.as_str()),
        ("impersonation.started", "support:carol")
    );
    assert_eq!(started.after.as_deref(), Some(granted.id.as_str()));

    assert!(written.end_impersonation(&granted.id).await.unwrap());
    assert!(serving.session(session.secret.expose()).await.unwrap().is_none());
}

#[tokio::test]
async fn its_role_sees_no_grant_and_makes_none_by_sql_either() {
    let database = TestDatabase::new().await;
    let (written, _) = two_directories(&database).await;
    let granted = written.impersonate(&of_acme()).await.unwrap();
    let mut role = PgConnection::connect_with(&database.application()).await.unwrap();
    for sql in [
        "select * from tenancy_impersonations",
        "select grant_digest from tenancy_impersonations",
        "update tenancy_impersonations set session_digest = 'x'",
        "delete from tenancy_impersonations",
        "insert into tenancy_impersonations (id, tenant, actor, reason, grant_digest, expires_at)
            values ('x', 'acme', 'eve', 'none', 'x', 9999999999)",
        "select * from tenancy_events",
    ] {
        assert_eq!(code(sqlx::raw_sql(sql).execute(&mut role).await), "42501", "{sql}");
    }
    // What the role puts in front of the directory's tables is not what the functions read.
    let before =
        "create temp table tenancy_impersonations (id text, tenant text, actor text, subject text, issuer text,
            reason text, grant_digest text, session_digest text, expires_at bigint, redeemed_at bigint);
        create temp table tenancy_tenants (id text, status text);
        insert into tenancy_tenants values ('acme', 'active');
        insert into tenancy_impersonations values ('x', 'acme', 'eve', null, null, 'x', 'x', 'y', 9999999999, 1)";
    sqlx::raw_sql(before).execute(&mut role).await.unwrap();
    for sql in [
        "select count(*) from tenancy_redeem_impersonation('x', 'z')",
        "select count(*) from tenancy_impersonation_session('y')",
        "select count(*) from tenancy_impersonation_lasts('x') as found where found",
    ] {
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut role).await.unwrap();
        assert_eq!(found, 0, "{sql}");
    }
    assert_eq!(written.impersonations().await.unwrap().len(), 1);
    drop(granted);

    // A role that was not let in has none of the functions.
    let other = TestDatabase::new().await;
    PgDirectory::open(other.administrator()).await.unwrap();
    let mut role = PgConnection::connect_with(&other.application()).await.unwrap();
    for function in [
        "tenancy_redeem_impersonation('x', 'y')",
        "tenancy_impersonation_session('x')",
        "tenancy_impersonation_lasts('x')",
    ] {
        let called = sqlx::raw_sql(AssertSqlSafe(format!("select {function}")))
            .execute(&mut role)
            .await;
        assert_eq!(code(called), "42501", "{function}");
    }
}

/// Each way to begin, with what a handler wants to begin.
async fn begin(
    db: &tenancy_sqlx::TenantDb<sqlx::Postgres>,
    admitted: &tenancy_core::enforce::Admitted,
    way: usize,
) -> Result<TenantTransaction<sqlx::Postgres>, TransactionError> {
    match way {
        0 => db.begin(admitted).await,
        1 => {
            db.begin_with(admitted, Begin::new().isolation(IsolationLevel::Serializable))
                .await
        }
        2 => db.dangerously_begin_in_any_status(admitted).await,
        3 => tenancy_core::context::scope_with(admitted.clone(), || db.begin_current()).await,
        4 => db.begin_read(admitted).await,
        _ => db.visit(&admitted.to_visit()).await,
    }
}

const WRITES: [&str; 6] = [
    "insert into notes (name) values ('x')",
    "update notes set body = 'x'",
    "delete from notes",
    "select * from notes for update",
    "create table mine (id text)",
    "set local transaction_read_only = off; insert into notes (name) values ('x')",
];

/// Whose transaction reads cannot make it write.
#[tokio::test]
async fn who_acts_in_a_members_place_reads_by_every_strategy() {
    let database = TestDatabase::new().await;
    set_up(&database).await;
    let db = serve(&database).await;
    for strategy in STRATEGIES {
        let id = format!("acme-{strategy}");
        let mut tx = db.begin(&member(&id, strategy)).await.unwrap();
        sqlx::raw_sql("insert into notes (name, body) values ('first', 'hers')")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let actor = let_in_to_act(record(&id, strategy), Actor::new(carol()));
        assert_eq!(
            (actor.standing(), actor.subject().as_str()),
            (Standing::Impersonation, "alice")
        );
        assert!(actor.is_read_only());
        for way in 0..6 {
            for sql in WRITES {
                let mut tx = begin(&db, &actor, way).await.unwrap();
                let refused = code(sqlx::raw_sql(sql).execute(&mut *tx).await);
                assert!(
                    ["25006", "25001"].contains(&refused.as_str()),
                    "{strategy}, {way}: {sql}: {refused}"
                );
            }
            for sql in ["set transaction read write", "savepoint s; set transaction read write"] {
                let mut tx = begin(&db, &actor, way).await.unwrap();
                let refused = sqlx::raw_sql(sql).execute(&mut *tx).await;
                assert_eq!(code(refused), "25001", "{strategy}, {way}: {sql}");
            }
            let mut tx = begin(&db, &actor, way).await.unwrap();
            assert_eq!(bodies(&mut tx).await, ["hers"], "{strategy}, {way}");
            tx.commit().await.unwrap();
        }
        // Who is let write does, and the next on the same connection.
        let writes = let_in_to_act(record(&id, strategy), Actor::new(carol()).dangerously_let_write());
        for admitted in [&writes, &member(&id, strategy)] {
            let mut tx = db.begin(admitted).await.unwrap();
            let update = sqlx::raw_sql("update notes set body = 'hers'").execute(&mut *tx).await;
            assert_eq!(update.unwrap().rows_affected(), 1, "{strategy}");
            tx.commit().await.unwrap();
        }
    }
}

/// A write is the fault of the one who reads. Of anyone else the same code is the service's, as of a handler that has begun to
/// read, or of a standby.
#[tokio::test]
async fn a_write_of_one_who_reads_is_refused_as_theirs() {
    let database = TestDatabase::new().await;
    set_up(&database).await;
    let db = serve(&database).await;
    for strategy in STRATEGIES {
        let id = format!("acme-{strategy}");
        let acts = let_in_to_act(record(&id, strategy), Actor::new(carol()));
        let writes = let_in_to_act(record(&id, strategy), Actor::new(carol()).dangerously_let_write());
        for sql in [
            "insert into notes (name) values ('x')",
            "update notes set body = 'x'",
            "delete from notes",
            "select * from notes for update",
            "create table mine (id text)",
        ] {
            for (admitted, expected) in [
                (&acts, ErrorKind::ReadOnly),
                (&writes, ErrorKind::Internal),
                (&member(&id, strategy), ErrorKind::Internal),
            ] {
                let mut tx = db.begin_read(admitted).await.unwrap();
                let error = sqlx::raw_sql(sql).execute(&mut *tx).await.unwrap_err();
                let kind = sync_scope(admitted.clone(), || ErrorKind::of(&error));
                assert_eq!(kind, expected, "{strategy}: {sql}: {error}");
                assert_eq!(ErrorKind::of(&error), ErrorKind::Internal, "outside of any request");
            }
        }
        // What no transaction of theirs may do is not what every database error of theirs is.
        let mut tx = db.begin(&acts).await.unwrap();
        let error = sqlx::raw_sql("select 1/0").execute(&mut *tx).await.unwrap_err();
        let kind = sync_scope(acts.clone(), || ErrorKind::of(&error));
        assert_eq!(kind, ErrorKind::Internal);
    }
    assert_eq!(
        (ErrorKind::ReadOnly.status(), ErrorKind::ReadOnly.code()),
        (403, "read_only")
    );
}

/// They run as their owner, who sees every tenant, and are no finding while they are as they were made.
#[tokio::test]
async fn the_functions_are_a_finding_where_they_are_not_as_they_were_made() {
    let database = TestDatabase::new().await;
    two_directories(&database).await;
    database.row().open().await.unwrap();
    let mut owner = PgConnection::connect_with(&database.administrator()).await.unwrap();
    for (changed, back) in [
        (
            "create or replace function tenancy_impersonation_lasts(grant_id text) returns boolean
                language sql stable security definer set search_path = pg_catalog, public, pg_temp
                as 'select exists (select from notes)'",
            None,
        ),
        (
            "alter function tenancy_redeem_impersonation(text, text) reset search_path",
            Some(
                "alter function tenancy_redeem_impersonation(text, text) set search_path = pg_catalog, public, pg_temp",
            ),
        ),
    ]
    .into_iter()
    .rev()
    {
        sqlx::raw_sql(changed).execute(&mut owner).await.unwrap();
        let refused = format!("{:?}", database.row().open().await.unwrap_err());
        assert!(refused.contains("impersonation"), "{changed}: {refused}");
        if let Some(back) = back {
            sqlx::raw_sql(back).execute(&mut owner).await.unwrap();
            database.row().open().await.unwrap();
        }
    }
}
