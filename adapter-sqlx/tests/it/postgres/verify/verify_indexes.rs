//! Indexes that row-level security makes useless: what `verify` notes is what the planner does.

use sqlx::{AssertSqlSafe, Row};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{PgNote, PgRowStrategy, PgTenantTable, StrategyRegistry, TenantDb};

use crate::postgres::support::server::{TestDatabase, migrations, tenant};

/// A column or expression with the class that its index has, a condition, and whether the index serves it.
const CASES: &[(&str, &str, bool)] = &[
    ("a_text", "a_text = 'x'", true),
    ("a_text", "a_text > 'x'", true),
    ("a_varchar", "a_varchar = 'x'", true),
    ("an_integer", "an_integer = 1", true),
    ("a_bigint", "a_bigint > 1", true),
    ("a_uuid", "a_uuid = '00000000-0000-0000-0000-000000000000'", true),
    ("a_time", "a_time > '2020-01-01 00:00:00+00'", true),
    ("a_date", "a_date = '2020-01-01'", true),
    ("a_truth", "a_truth = true", true),
    ("an_inet", "an_inet = '10.0.0.1'", true),
    ("some_bytes", "some_bytes = '\\x00'", true),
    ("a_double", "a_double = 1.5::float8", true),
    ("a_text text_pattern_ops", "a_text like 'x%'", false),
    ("a_numeric", "a_numeric = 1.5", false),
    ("a_numeric", "a_numeric > 1.5", false),
    ("an_enum", "an_enum = 'one'", false),
    ("an_array", "an_array = array[1]", false),
    ("a_json", "a_json = '{}'", false),
    ("using gin (an_array)", "an_array @> array[1]", false),
    ("using gin (an_array)", "an_array && array[1]", false),
    ("using gin (a_json)", "a_json @> '{}'", false),
    ("using gin (a_json)", "a_json ? 'x'", false),
    ("using gin (a_json jsonb_path_ops)", "a_json @> '{}'", false),
    ("using gin (a_vector)", "a_vector @@ 'x'::tsquery", false),
    ("using gist (a_range)", "a_range && int4range(1, 2)", false),
    ("using gist (a_point)", "a_point <@ box '((0,0),(1,1))'", false),
    ("using hash (a_numeric)", "a_numeric = 1.5", false),
    ("(lower(a_text))", "lower(a_text) = 'x'", false),
    ("(an_integer + 1)", "an_integer + 1 = 5", false),
    ("using brin (a_numeric)", "a_numeric = 1.5", false),
];

const TABLE: &str = "create type kind as enum ('one', 'two');
create table things (
    tenant_id text not null, a_text text, a_varchar varchar, an_integer integer, a_bigint bigint, a_uuid uuid,
    a_time timestamptz, a_date date, a_truth boolean, an_inet inet, some_bytes bytea, a_double float8, a_numeric numeric,
    an_enum kind, an_array integer[], a_json jsonb, a_vector tsvector, a_range int4range, a_point point
)";

fn method_and_column(case: &str) -> String {
    if case.starts_with("using") {
        case.to_owned()
    } else {
        format!("({case})")
    }
}

async fn plan(db: &TenantDb<sqlx::Postgres>, acme: &Admitted, condition: &str) -> String {
    let mut tx = db.begin_read(acme).await.unwrap();
    let off = "set local enable_seqscan = off; set local enable_indexonlyscan = off";
    sqlx::raw_sql(off).execute(&mut *tx).await.unwrap();
    let sql = format!("explain select * from things where {condition}");
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *tx).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
}

#[tokio::test]
async fn an_index_that_is_noted_is_one_that_the_planner_cannot_use() {
    let database = TestDatabase::new().await;
    let tables = database.schema().with_table(PgTenantTable::new("things").unwrap());
    let row = PgRowStrategy::builder(database.server(), tables.clone()).with_migrations(migrations(&[TABLE]));
    let db = TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap());
    let mut administrator = database.connect().await;
    let mut wrong = Vec::new();
    for (column, condition, is_usable) in CASES {
        let made = format!("create index tried on things {}", method_and_column(column));
        sqlx::raw_sql(AssertSqlSafe(made))
            .execute(&mut administrator)
            .await
            .unwrap();
        let report = tables.verify(&mut administrator).await.unwrap();
        assert!(report.is_clean() && report.is_safe(), "a note is no finding: {report}");
        let is_noted = report.notes().iter().any(
            |note| matches!(note, PgNote::IndexUnusable { index, table, .. } if index == "public.tried" && table == "public.things"),
        );
        let plan = plan(&db, &tenant("acme"), condition).await;
        let is_used = plan.contains("tried") && plan.contains("Index Cond");
        if (is_noted, is_used) != (!is_usable, *is_usable) {
            wrong.push(format!(
                "{column}: {condition}: noted {is_noted}, used {is_used}\n{plan}{report}"
            ));
        }
        sqlx::raw_sql("drop index tried")
            .execute(&mut administrator)
            .await
            .unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_note_names_the_operators() {
    let database = TestDatabase::new().await;
    let tables = database.schema().with_table(PgTenantTable::new("things").unwrap());
    let made = format!(
        "{TABLE}; create index by_kind on things (tenant_id, an_enum); create index by_name on things (lower(a_text))"
    );
    let mut administrator = database.connect().await;
    sqlx::raw_sql(AssertSqlSafe(made))
        .execute(&mut administrator)
        .await
        .unwrap();
    tables.apply(&mut administrator).await.unwrap();
    let text = tables.verify(&mut administrator).await.unwrap().to_string();
    for part in [
        "the database keeps tenants apart: 0 findings",
        "note: the index public.by_kind of public.things is not used under row-level security by < (anyenum, anyenum)",
        "= (anyenum, anyenum)",
        "note: the index public.by_name of public.things is not used under row-level security by the function lower(text)",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
