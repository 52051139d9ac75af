//! Rows of many tenants in one table.

use sqlx::{AssertSqlSafe, Connection};
use tenancy_sqlx::{
    PgTenantColumn, PgTenantTable, PoolSettings, ProvisionError, StrategyError, StrategyRegistry, TenantDb,
    TransactionError,
};

use crate::BY_POOLER;
use crate::across::AcrossTenants as _;
use crate::postgres::support::server::{TestDatabase, bodies, bodies_of, by_the_same_way, code, seed, tenant};

const REFUSED_BY_POLICY: &str = "42501";

#[tokio::test]
async fn a_forgotten_where_stays_within_the_tenant() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);

    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    let updated = sqlx::query("update notes set body = 'changed'")
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(updated.rows_affected(), 1);
    tx.commit().await.unwrap();
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);

    let mut tx = db.begin(&tenant("globex")).await.unwrap();
    assert_eq!(
        sqlx::query("delete from notes")
            .execute(&mut *tx)
            .await
            .unwrap()
            .rows_affected(),
        1
    );
    tx.commit().await.unwrap();
    assert_eq!(bodies_of(&db, "globex").await, [""; 0]);
    assert_eq!(bodies_of(&db, "acme").await, ["changed"]);
}

#[tokio::test]
async fn no_row_is_written_for_another_tenant() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    for sql in [
        "insert into notes (tenant_id, name) values ('globex', 'forged')",
        "update notes set tenant_id = 'globex', name = 'forged'",
        "insert into notes (name) values ('first')
            on conflict (tenant_id, name) do update set tenant_id = 'globex', name = 'forged'",
        "merge into notes using (values (1)) s on false
            when not matched then insert (tenant_id, name) values ('globex', 'forged')",
    ] {
        let mut tx = db.begin(&tenant("acme")).await.unwrap();
        assert_eq!(
            code(sqlx::query(sql).execute(&mut *tx).await),
            REFUSED_BY_POLICY,
            "{sql}"
        );
    }
    // A row that is another's is not there: a name that it has is free, and a conflict with it is none.
    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    let sql = "update notes set body = 'seen' where tenant_id = 'globex'";
    assert_eq!(sqlx::query(sql).execute(&mut *tx).await.unwrap().rows_affected(), 0);
    tx.rollback().await.unwrap();
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
}

#[tokio::test]
async fn without_a_tenant_there_are_no_rows() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme"]).await;
    if BY_POOLER {
        // What goes around the library shares its session there, and none of its care.
        return;
    }
    // As the application, but around the library: a tool, a forgotten pool.
    let mut connection = sqlx::ConnectOptions::connect(&database.application()).await.unwrap();
    assert_eq!(bodies(&mut connection).await, [""; 0]);
    for unset in ["", "set app.tenant_id = ''"] {
        sqlx::raw_sql(unset).execute(&mut connection).await.unwrap();
        assert_eq!(bodies(&mut connection).await, [""; 0], "{unset}");
        let named = sqlx::query("insert into notes (tenant_id, name) values ('', 'x')");
        assert_eq!(code(named.execute(&mut connection).await), REFUSED_BY_POLICY, "{unset}");
        let left_out = sqlx::query("insert into notes (name) values ('x')");
        let refused = code(left_out.execute(&mut connection).await);
        assert!(
            [REFUSED_BY_POLICY, "23502"].contains(&refused.as_str()),
            "{unset}: {refused}"
        );
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn readers_do_not_write() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme"]).await;
    let mut tx = db.begin_read(&tenant("acme")).await.unwrap();
    let written = sqlx::query("insert into notes (name) values ('x')")
        .execute(&mut *tx)
        .await;
    assert_eq!(code(written), "25006");
    drop(tx);
    // And not because of an earlier reader.
    seed(&db, &["globex"]).await;
}

#[tokio::test]
async fn the_application_cannot_reach_around_policies() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    for sql in [
        "truncate notes",
        "alter table notes disable row level security",
        "alter table notes no force row level security",
        "drop policy tenancy_tenant on notes",
        "create policy mine on notes using (true)",
        "create table public.mine ()",
        "create trigger mine before insert on notes execute function suppress_redundant_updates_trigger()",
        "copy notes from program 'true'",
        "set row_security = off; select * from notes",
    ] {
        let mut tx = db.begin(&tenant("acme")).await.unwrap();
        let done = sqlx::raw_sql(sql).execute(&mut *tx).await;
        assert_eq!(code(done), REFUSED_BY_POLICY, "{sql}");
    }
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
}

#[tokio::test]
async fn administration_sees_every_tenant() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    let mut tx = db.across_tenants().await.unwrap();
    assert_eq!(bodies(&mut tx).await, ["of acme", "of globex"]);
}

/// Forced security holds for the owner too: an owner whom no policy names sees nothing.
#[tokio::test]
async fn the_owner_is_under_the_policies() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme"]).await;
    // Makes a role, and gives a table to it.
    let mut superuser = database.superuser().await;
    let owner = format!("{}_owner", database.application_role());
    let sql = format!(
        "create role {owner}; grant create on schema public to {owner}; alter table notes owner to {owner}; set role {owner}"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut superuser).await.unwrap();
    assert_eq!(bodies(&mut superuser).await, [""; 0]);
    let sql =
        format!("reset role; reassign owned by {owner} to current_user; drop owned by {owner}; drop role {owner}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut superuser).await.unwrap();
}

#[tokio::test]
async fn the_sql_changes_nothing_the_second_time() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    database.row().open().await.unwrap();
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
}

#[tokio::test]
async fn a_value_of_the_column_has_one_spelling() {
    let database = TestDatabase::new().await;
    for (column, good, bad) in [
        (
            PgTenantColumn::Uuid,
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
        ),
        (PgTenantColumn::BigInt, "42", "042"),
    ] {
        let table = format!("typed_{}", column.sql_type());
        let sql = format!(
            "create table {table} (tenant_id {} not null, id int, primary key (tenant_id, id))",
            column.sql_type()
        );
        let mut administrator = database.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut administrator)
            .await
            .unwrap();
        let declared = PgTenantTable::new(&table)
            .unwrap()
            .with_tenant_column("tenant_id", column)
            .unwrap();
        let schema = database.schema().with_table(declared);
        let row = tenancy_sqlx::PgRowStrategy::builder(database.server(), schema);
        let row = by_the_same_way(row).open().await.unwrap();
        let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap());

        let mut tx = db.begin(&tenant(good)).await.unwrap();
        let insert = format!("insert into {table} (id) values (1)");
        sqlx::query(AssertSqlSafe(insert)).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let begun = db.begin(&tenant(bad)).await;
        assert!(matches!(
            begun,
            Err(TransactionError::Begin {
                source: StrategyError::NotCanonical { .. },
                ..
            })
        ));
        let provisioned = db.provision(tenant(bad).tenant()).await;
        assert!(matches!(
            provisioned,
            Err(ProvisionError::Strategy {
                source: StrategyError::NotCanonical { .. },
                ..
            })
        ));
        db.provision(tenant(good).tenant()).await.unwrap();
        db.close().await;
        // The next declaration does not know of it.
        let drop = AssertSqlSafe(format!("drop table {table}"));
        sqlx::raw_sql(drop).execute(&mut administrator).await.unwrap();
    }
}

/// Behind a pooler statements of one name would meet: none is left in the session.
#[tokio::test]
async fn behind_a_pooler_no_statement_stays_prepared() {
    let database = TestDatabase::new().await;
    let row = database
        .row()
        .with_pool(PoolSettings::new().with_max_connections(1))
        .with_transaction_pooler();
    let db = TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap());
    seed(&db, &["acme", "globex"]).await;
    let mut sessions = Vec::new();
    for id in ["acme", "globex", "acme"] {
        assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
        let mut tx = db.begin_read(&tenant(id)).await.unwrap();
        let prepared = "select count(*)::text, pg_backend_pid()::text from pg_prepared_statements";
        let row = sqlx::raw_sql(prepared).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(sqlx::Row::get::<String, _>(&row, 0), "0");
        sessions.push(sqlx::Row::get::<String, _>(&row, 1));
    }
    // It is one session, and not a new one each time.
    sessions.dedup();
    assert_eq!(sessions.len(), 1);
}
