//! The types that a tenant's column may have, and those that it may not.

use sqlx::{AssertSqlSafe, PgConnection, Postgres};
use tenancy_sqlx::{
    PgFault, PgFinding, PgRowStrategy, PgRowTables, PgTenantColumn, PgTenantTable, ProvisionError, StrategyError,
    StrategyRegistry, TenantDb, TransactionError,
};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{TestDatabase, by_the_same_way, code, tenant};

/// A column's type in the database, the type it is declared as, two tenants, and ids that are none.
type Case = (&'static str, PgTenantColumn, [&'static str; 2], &'static [&'static str]);

const UUIDS: [&str; 2] = [
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
];

const CASES: &[Case] = &[
    ("text", PgTenantColumn::Text, ["acme", "007"], &[]),
    ("varchar", PgTenantColumn::Text, ["acme", "007"], &[]),
    (
        "varchar(8)",
        PgTenantColumn::Text,
        ["abcdefgh", "abcdefg"],
        &["abcdefghi", "abcdefgh-"],
    ),
    (
        "uuid",
        PgTenantColumn::Uuid,
        UUIDS,
        &["a0eebc999c0b4ef8bb6d6bb9bd380a11", "acme"],
    ),
    (
        "smallint",
        PgTenantColumn::SmallInt,
        ["0", "32767"],
        &["00", "007", "32768", "65536", "acme", "1e3", "7_0", "7-"],
    ),
    (
        "integer",
        PgTenantColumn::Integer,
        ["7", "2147483647"],
        &["007", "2147483648", "4294967303", "0x7", "acme"],
    ),
    (
        "bigint",
        PgTenantColumn::BigInt,
        ["7", "9223372036854775807"],
        &["042", "9223372036854775808", "18446744073709551623"],
    ),
];

fn declared(database: &TestDatabase, column: PgTenantColumn) -> PgRowTables {
    let table = |name| {
        PgTenantTable::new(name)
            .unwrap()
            .with_tenant_column("tenant_id", column)
            .unwrap()
    };
    database.schema().with_table(table("others")).with_table(table("parts"))
}

async fn tables(database: &TestDatabase, column_type: &str) {
    let sql = format!(
        "create table others (tenant_id {column_type} not null, id int, primary key (tenant_id, id));
        create table parts (tenant_id {column_type} not null, id int, primary key (tenant_id, id),
            foreign key (tenant_id, id) references others)"
    );
    run(&mut database.connect().await, sql).await;
}

async fn open(database: &TestDatabase, tables: PgRowTables) -> TenantDb<Postgres> {
    let row = PgRowStrategy::builder(database.server(), tables);
    let row = by_the_same_way(row).open().await.unwrap();
    TenantDb::new(StrategyRegistry::new().with(row).unwrap())
}

async fn rows(connection: &mut PgConnection) -> Vec<String> {
    let sql = "select tenant_id::text || ' ' || id from others order by 1";
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

async fn begin_error(db: &TenantDb<Postgres>, id: &str) -> StrategyError {
    match db.begin(&tenant(id)).await {
        Err(TransactionError::Begin { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_type_keeps_tenants_apart() {
    for (column_type, column, ids, bad) in CASES {
        let database = TestDatabase::new().await;
        tables(&database, column_type).await;
        let db = open(&database, declared(&database, *column)).await;
        for id in ids {
            db.provision(tenant(id).tenant()).await.unwrap();
            let mut tx = db.begin(&tenant(id)).await.unwrap();
            run(
                &mut tx,
                "insert into others (id) values (1); insert into parts (id) values (1)",
            )
            .await;
            tx.commit().await.unwrap();
        }
        for id in ids {
            let mut tx = db.begin(&tenant(id)).await.unwrap();
            assert_eq!(rows(&mut tx).await, [format!("{id} 1")], "{column_type}");
            let other = ids.iter().find(|other| *other != id).unwrap();
            let foreign = format!("insert into others values ('{other}', 2)");
            let refused = sqlx::query(AssertSqlSafe(foreign)).execute(&mut *tx).await;
            assert_eq!(code(refused), "42501", "{column_type}");
        }
        for id in *bad {
            let error = begin_error(&db, id).await;
            assert!(
                matches!(error, StrategyError::NotCanonical { .. }),
                "{column_type} {id}: {error:?}"
            );
            let provisioned = db.provision(tenant(id).tenant()).await;
            let is_refused = matches!(
                provisioned,
                Err(ProvisionError::Strategy {
                    source: StrategyError::NotCanonical { .. },
                    ..
                })
            );
            assert!(is_refused, "{column_type} {id}");
        }
    }
}

/// What the declaration writes is found again as it is written: the next process writes nothing.
#[tokio::test]
async fn each_type_is_found_as_declared() {
    for (column_type, column, ..) in CASES {
        let database = TestDatabase::new().await;
        tables(&database, column_type).await;
        let tables = declared(&database, *column);
        let mut administrator = database.connect().await;
        let changes = "select array_agg(xmin::text order by tableoid, oid) from (
            select tableoid, oid, xmin from pg_policy union all select tableoid, oid, xmin from pg_attrdef
            union all select tableoid, oid, xmin from pg_class where relname in ('others', 'parts')) as catalog";
        let mut seen = Vec::new();
        for _ in 0..2 {
            drop(open(&database, tables.clone()).await);
            let report = tables.verify(&mut administrator).await.unwrap();
            assert!(report.is_clean(), "{column_type}: {report}");
            let rows: Vec<String> = sqlx::query_scalar(changes).fetch_one(&mut administrator).await.unwrap();
            seen.push(rows);
        }
        assert_eq!(seen[0], seen[1], "{column_type}");
        // The SQL for migrations says the same.
        run(&mut administrator, tables.sql()).await;
        let report = tables.verify(&mut administrator).await.unwrap();
        assert!(report.is_clean(), "{column_type}: {report}");
    }
}

#[tokio::test]
async fn each_policy_uses_the_index_of_its_column() {
    for (column_type, column, [id, _], _) in CASES {
        let database = TestDatabase::new().await;
        tables(&database, column_type).await;
        let db = open(&database, declared(&database, *column)).await;
        let mut tx = db.begin(&tenant(id)).await.unwrap();
        run(&mut tx, "set local enable_seqscan = off").await;
        let plan: Vec<String> = sqlx::query_scalar("explain (costs off) select * from others where id = 1")
            .fetch_all(&mut *tx)
            .await
            .unwrap();
        let plan = plan.join("\n");
        let condition = plan.lines().find(|line| line.contains("Index Cond:"));
        let uses_tenant = condition.is_some_and(|line| line.contains("tenant_id") && line.contains("$0"));
        assert!(uses_tenant, "{column_type}: {plan}");
    }
}

#[tokio::test]
async fn a_removal_takes_the_tenants_rows_of_each_type() {
    for (column_type, column, ids, _) in CASES {
        let database = TestDatabase::new().await;
        tables(&database, column_type).await;
        let db = open(&database, declared(&database, *column)).await;
        for id in ids {
            let mut tx = db.begin(&tenant(id)).await.unwrap();
            run(
                &mut tx,
                "insert into others (id) values (1); insert into parts (id) values (1)",
            )
            .await;
            tx.commit().await.unwrap();
        }
        let gone = tenant(ids[0])
            .tenant()
            .clone()
            .with_status(tenancy_core::directory::TenantStatus::Archived);
        db.dangerously_remove(&gone).await.unwrap();
        let mut administrator = database.connect().await;
        assert_eq!(
            rows(&mut administrator).await,
            [format!("{} 1", ids[1])],
            "{column_type}"
        );
    }
}

/// The column is made as it is declared, and rows that are there are the first tenant's.
#[tokio::test]
async fn each_type_is_adopted() {
    for (column_type, column, [id, _], _) in CASES {
        let database = TestDatabase::new().await;
        let mut administrator = database.connect().await;
        let sql = "create table others (id int primary key); create table parts (id int primary key references others);
            insert into others values (1); insert into parts values (1)";
        run(&mut administrator, sql).await;
        let tables = declared(&database, *column);
        if *column_type != column.sql_type() {
            // It has the column already, without a value.
            let sql = "alter table others add column tenant_id TYPE; alter table parts add column tenant_id TYPE";
            run(&mut administrator, sql.replace("TYPE", column_type)).await;
        }
        tables.adopt(&id.parse().unwrap(), &mut administrator).await.unwrap();
        let report = tables.verify(&mut administrator).await.unwrap();
        assert!(report.is_clean(), "{column_type}: {report}");
        let db = open(&database, tables).await;
        let mut tx = db.begin(&tenant(id)).await.unwrap();
        assert_eq!(rows(&mut tx).await, [format!("{id} 1")], "{column_type}");
    }
}

async fn column_finding(database: &TestDatabase, tables: &PgRowTables) -> Option<PgFinding> {
    let report = tables.verify(&mut database.connect().await).await.unwrap();
    let mut findings = report.findings().iter();
    findings.find(|finding| finding.fault() == PgFault::ColumnType).cloned()
}

/// Both types are named, and the SQL that mends it keeps the rows.
#[tokio::test]
async fn a_column_of_another_type_is_named_with_both_types() {
    for (column_type, column, found, value, is_mended) in [
        ("char(26)", PgTenantColumn::Text, "character(26)", "acme", true),
        ("integer", PgTenantColumn::BigInt, "integer", "7", true),
        ("smallint", PgTenantColumn::Integer, "smallint", "7", true),
        ("ids", PgTenantColumn::Text, "public.ids", "acme", true),
        ("name", PgTenantColumn::Text, "name", "acme", true),
        ("integer", PgTenantColumn::Text, "integer", "7", false),
        ("bigint", PgTenantColumn::Integer, "bigint", "7", false),
        (
            "text",
            PgTenantColumn::Uuid,
            "text",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            false,
        ),
        (
            "uuid",
            PgTenantColumn::Text,
            "uuid",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            false,
        ),
    ] {
        let database = TestDatabase::new().await;
        let mut administrator = database.connect().await;
        run(&mut administrator, "create domain ids as text").await;
        let sql = format!(
            "create table others (tenant_id {column_type} not null, id int, primary key (tenant_id, id));
            insert into others values ('{value}', 1)"
        );
        run(&mut administrator, sql).await;
        let table = PgTenantTable::new("others")
            .unwrap()
            .with_tenant_column("tenant_id", column)
            .unwrap();
        let tables = database.schema().with_table(table);
        let finding = column_finding(&database, &tables).await.unwrap();
        let declared = column.sql_type();
        let expected =
            format!("\"public\".\"others\".\"tenant_id\", which is of the type {found} and declared as {declared}");
        assert_eq!(finding.object(), expected);
        assert_eq!(!finding.mend().is_empty(), is_mended, "{column_type}: {finding}");
        if is_mended {
            run(&mut administrator, finding.mend()).await;
            let report = tables.verify(&mut administrator).await.unwrap();
            assert!(report.is_clean(), "{column_type}: {report}");
            assert_eq!(rows(&mut administrator).await, [format!("{value} 1")]);
        }
    }
}

/// The shortest column counts, and a declaration that nobody opened knows of none.
#[tokio::test]
async fn an_id_must_have_room_in_every_table() {
    let database = TestDatabase::new().await;
    let sql = "create table others (tenant_id varchar(5) not null); create table parts (tenant_id varchar(9) not null)";
    run(&mut database.connect().await, sql).await;
    let db = open(&database, declared(&database, PgTenantColumn::Text)).await;
    let mut tx = db.begin(&tenant("acmes")).await.unwrap();
    run(&mut tx, "insert into others default values").await;
    tx.commit().await.unwrap();
    // Cut to its first five characters it would be the other tenant.
    for id in ["acmesx", "acmes-long"] {
        assert!(
            matches!(begin_error(&db, id).await, StrategyError::NotCanonical { .. }),
            "{id}"
        );
    }
}
