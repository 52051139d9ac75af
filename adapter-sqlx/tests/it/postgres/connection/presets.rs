//! What roles and databases preset does not change what a query means.

use sqlx::{AssertSqlSafe, Connection};
use tenancy_sqlx::{PoolSettings, StrategyRegistry, TenantDb};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{TestDatabase, bodies, bodies_of, by_the_same_way, seed, tenant};

/// Another table of the name stands in the schema that is preset.
#[tokio::test]
async fn a_name_is_that_of_the_declared_table() {
    let database = TestDatabase::new().await;
    let (role, name) = (database.application_role(), database.administrator());
    let name = name.get_database().unwrap().to_owned();
    seed(&database.one_connection().await, &["acme"]).await;
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        format!(
            "create schema elsewhere; create table elsewhere.notes (body text, name text);
            insert into elsewhere.notes values ('of all'); grant usage on schema elsewhere to {role};
            grant all on elsewhere.notes to {role}; create schema {role}; grant usage on schema {role} to {role}"
        ),
    )
    .await;
    for preset in [
        format!("alter role {role} set search_path = elsewhere, public"),
        format!("alter role {role} in database {name} set search_path = elsewhere"),
        format!("alter database {name} set search_path = elsewhere, public"),
        format!("alter role {role} set search_path = ''"),
        format!("alter role {role} set search_path = pg_temp, public"),
        format!("alter role {role} set row_security = off"),
        format!("alter database {name} set row_security = off"),
    ] {
        run(&mut superuser, preset.clone()).await;
        let row = by_the_same_way(database.row().with_pool(PoolSettings::new().with_max_connections(1)));
        let row = row.dangerously_allow_findings().open().await.unwrap();
        let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap());
        for _ in 0..2 {
            assert_eq!(bodies_of(&db, "acme").await, ["of acme"], "{preset}");
            let mut tx = db.begin(&tenant("acme")).await.unwrap();
            assert_eq!(bodies(&mut tx).await, ["of acme"], "{preset}");
            // Nor does what a transaction sets for its session hold in the next.
            let set = "set search_path = elsewhere; set row_security = off";
            sqlx::raw_sql(set).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        }
        run(
            &mut superuser,
            format!(
                "alter role {role} reset all; alter role {role} in database {name} reset all;
                alter database {name} reset all"
            ),
        )
        .await;
    }
    run(&mut superuser, format!("drop schema {role}, elsewhere cascade")).await;
    superuser.close().await.unwrap();
}

/// Extensions and types of one's own are found in the schemas that are named for it.
#[tokio::test]
async fn a_schema_of_extensions_is_searched_after_the_tables() {
    let database = TestDatabase::new().await;
    let role = database.application_role();
    seed(&database.one_connection().await, &["acme"]).await;
    let sql = format!(
        "create schema \"My Extensions\"; grant usage on schema \"My Extensions\" to {role};
        create function \"My Extensions\".seven() returns int language sql as 'select 7';
        create table \"My Extensions\".notes (body text)"
    );
    run(&mut database.connect().await, sql).await;
    let row = by_the_same_way(database.row())
        .with_extension_schema("My Extensions")
        .unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap());
    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    let seven: i32 = sqlx::query_scalar("select seven()").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(seven, 7);
    assert_eq!(bodies(&mut tx).await, ["of acme"]);
    let path: String = sqlx::query_scalar(AssertSqlSafe("show search_path".to_owned()))
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(path, r#""public", "My Extensions", pg_temp"#);
}
