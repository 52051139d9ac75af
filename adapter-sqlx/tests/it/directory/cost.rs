//! What lists and counts cost on PostgreSQL, in rows read. What SQLite would read is asked of its planner, beside the code.

use std::time::Duration;

use sqlx::PgConnection;
use tenancy_core::directory::TenantStatus;
use tenancy_core::request::Claims;
use tenancy_sqlx::{Count, PageRequest, PgDirectory};

use super::{caller_of, id, postgres};
use crate::postgres::support::server::TestDatabase;

/// 100,000 tenants, of which nearly all are active; one tenant with as many members; one subject that is everywhere.
const FILL: &str = "
    set session_replication_role = replica;
    insert into tenancy_tenants (id, slug, external_id, name, status, strategy)
        select 't' || i, 's' || i, 'e' || i, 't', case when i % 1000 = 0 then 'suspended' else 'active' end, 'row'
        from generate_series(1, 100000) i;
    insert into tenancy_members (tenant, subject, issuer) select 't1', 'member' || i, '' from generate_series(1, 100000) i;
    insert into tenancy_members (tenant, subject, issuer)
        select 't' || i, 'everywhere', case when i % 2 = 0 then 'https://one' else '' end from generate_series(1, 100000) i;
    insert into tenancy_domains select 't' || i || '.example', 't' || i from generate_series(1, 100000) i;
    reset session_replication_role;
    analyze tenancy_tenants, tenancy_members, tenancy_domains";

/// Scans from one end to the other, and rows that were read by an index or without one, of all tables of the directory.
async fn read(connection: &mut PgConnection) -> (i64, i64) {
    let sql = "select sum(seq_scan)::bigint, sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
               + (select sum(idx_tup_read)::bigint from pg_stat_user_indexes where relname like 'tenancy%')
         from pg_stat_user_tables where relname in ('tenancy_tenants', 'tenancy_members', 'tenancy_domains', 'tenancy_metadata')";
    sqlx::query_as(sql).fetch_one(connection).await.unwrap()
}

/// The scans and the rows of what runs between. A session reports what it has read when it ends.
async fn cost(database: &TestDatabase, work: impl AsyncFnOnce(&PgDirectory)) -> (i64, i64) {
    let before = read(&mut alone(database).await).await;
    let directory = postgres(database).await;
    work(&directory).await;
    directory.close().await;
    let after = read(&mut alone(database).await).await;
    (after.0 - before.0, after.1 - before.1)
}

/// A session, once no other one of this database is left. It is gone only when it has reported.
async fn alone(database: &TestDatabase) -> PgConnection {
    let mut connection = database.connect().await;
    let others = "select count(*) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
    while sqlx::query_scalar::<_, i64>(others)
        .fetch_one(&mut connection)
        .await
        .unwrap()
        > 0
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    connection
}

#[tokio::test]
async fn lists_and_counts_cost_what_they_show() {
    let database = TestDatabase::new().await;
    postgres(&database).await.close().await;
    // An owner cannot leave the checks of foreign keys out, and 300,000 of them take longer than everything else here.
    sqlx::raw_sql(FILL)
        .execute(&mut database.superuser().await)
        .await
        .unwrap();

    // More often than it takes for the server to consider one plan for all parameters.
    let (scans, rows) = cost(&database, async |directory| {
        for _ in 0..10 {
            let behind = |text| PageRequest::after(id(text));
            assert_eq!(directory.page(&behind("t9")).await.unwrap().items.len(), 100);
            let status = TenantStatus::Active;
            assert_eq!(
                directory
                    .page_with_status(status, &behind("t5"))
                    .await
                    .unwrap()
                    .items
                    .len(),
                100
            );
            let status = TenantStatus::Suspended;
            assert_eq!(
                directory
                    .page_with_status(status, &behind("t"))
                    .await
                    .unwrap()
                    .items
                    .len(),
                100
            );
            let first = PageRequest::first();
            assert_eq!(directory.members(&id("t1"), &first).await.unwrap().items.len(), 100);
            let caller = Claims::new("everywhere".parse().unwrap()).with_issuer("https://one");
            assert_eq!(
                directory
                    .tenants_of(&caller_of(&caller), &behind("t5"))
                    .await
                    .unwrap()
                    .items
                    .len(),
                100
            );
            // One tenant in all, which a walk over the tenants would find late.
            let rare = Claims::new("member77".parse().unwrap());
            assert_eq!(
                directory
                    .tenants_of(&caller_of(&rare), &PageRequest::first())
                    .await
                    .unwrap()
                    .items
                    .len(),
                1
            );
            assert_eq!(
                directory.count(TenantStatus::Active, 100).await.unwrap(),
                Count::MoreThan(100)
            );
            assert_eq!(
                directory.count_members(&id("t1"), 100).await.unwrap(),
                Count::MoreThan(100)
            );
            for found in [
                directory.find_by_id(&id("t77")).await,
                directory.find_by_slug(&"s77".parse().unwrap()).await,
                directory.find_by_external_id(&"e77".parse().unwrap()).await,
                directory.find_by_domain(&"t77.example".parse().unwrap()).await,
            ] {
                assert!(found.unwrap().is_some());
            }
            assert!(directory.metadata(&id("t77")).await.unwrap().is_some());
        }
    })
    .await;
    // Seven lists of a hundred, each row with a few more from the other tables, ten times. A single scan is 100,000.
    assert_eq!(scans, 0);
    assert!((7_000..50_000).contains(&rows), "{rows} rows");

    // The sums do see a scan.
    let (scans, rows) = cost(&database, async |_| {
        let mut connection = database.connect().await;
        let sql = "select count(*) from tenancy_tenants where name = 'x'";
        let none: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        assert_eq!(none, 0);
    })
    .await;
    assert!(scans >= 1 && rows >= 100_000, "{scans} scans, {rows} rows");
}
