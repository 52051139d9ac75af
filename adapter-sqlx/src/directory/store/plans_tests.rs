//! What SQLite reads for each list, count and look-up: never a whole table. On PostgreSQL the tests count the rows read.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use sqlx::{AssertSqlSafe, Row as _, Sqlite, SqliteConnection, SqlitePool};
use tenancy_core::directory::TenantStatus;

use super::rows::select;
use crate::SqliteDirectory;
use crate::directory::metadata::store::READ;
use crate::directory::pages::{count, members, tenants, tenants_of};
use crate::directory::settings::store::READ as SETTINGS;
use crate::directory::sql_directory::{BY_DOMAIN, BY_EXTERNAL_ID, BY_ID, BY_SLUG};

/// The lines of a plan that read a table from one end to the other, or sort what a page has not room for. `found`, `half`
/// and `counted` are what was read already, which is sorted once more for the tenants of a caller.
async fn scans(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let explained = AssertSqlSafe(format!("explain query plan {sql}"));
    let plan = sqlx::raw_sql(explained).fetch_all(connection).await.unwrap();
    let lines = plan.iter().map(|row| row.get::<String, _>("detail"));
    let sorts = !sql.contains("found.tenant");
    lines
        .filter(|line| line.starts_with("SCAN") || sorts && line.contains("TEMP B-TREE"))
        .filter(|line| !["SCAN found", "SCAN half", "SCAN counted"].contains(&line.as_str()))
        .collect()
}

fn statements() -> Vec<String> {
    let by_name = [BY_ID, BY_SLUG, BY_EXTERNAL_ID, BY_DOMAIN];
    let of_a_status = tenants::page_with_status(TenantStatus::Suspended);
    let pages = [tenants::PAGE, &of_a_status];
    let selected = by_name.into_iter().chain(pages);
    let selected = selected.map(|condition| select::<Sqlite>(condition).0);
    let others = [members::MEMBERS, count::MEMBERS, READ, SETTINGS].map(str::to_owned);
    selected
        .chain(others)
        .chain([
            tenants_of::memberships::<Sqlite>(),
            count::tenants(TenantStatus::Active),
        ])
        .collect()
}

#[tokio::test]
async fn nothing_scans_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let pool = SqlitePool::connect_lazy_with(
        sqlx::sqlite::SqliteConnectOptions::new()
            .filename(folder.path().join("directory.sqlite"))
            .create_if_missing(true),
    );
    SqliteDirectory::from_pool(pool.clone()).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    for statement in statements() {
        assert_eq!(scans(&mut connection, &statement).await, [""; 0], "empty: {statement}");
    }
    // With statistics the planner may choose otherwise: nearly all tenants are active, one subject is in all of them.
    let fill = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
         insert into tenancy_tenants (id, slug, name, status, strategy)
         select 't' || i, 't' || i, 't', case when i % 1000 = 0 then 'suspended' else 'active' end, 'row' from n;
         insert into tenancy_members (tenant, subject) select id, 'everywhere' from tenancy_tenants;
         insert into tenancy_domains select id || '.example', id from tenancy_tenants;
         analyze";
    sqlx::raw_sql(fill).execute(&mut *connection).await.unwrap();
    for statement in statements() {
        assert_eq!(scans(&mut connection, &statement).await, [""; 0], "filled: {statement}");
    }
    // The test sees a scan where there is one.
    let all = scans(&mut connection, "select * from tenancy_tenants where name = 'x'").await;
    assert_eq!(all, ["SCAN tenancy_tenants"]);
}
