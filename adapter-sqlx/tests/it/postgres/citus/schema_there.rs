//! The strategy `schema`: schemas that are there before Citus has placed them.

use sqlx::PgConnection;
use tenancy_sqlx::PgFault;

use super::cluster::TestCluster;
use super::schema::{options, placed};
use crate::postgres::support::schema_server::{member, notes_of, open, provision_error, provision_with_note, run};

/// As it is on PostgreSQL alone: tables with keys between them, a view and rows.
const THERE: [&str; 6] = [
    "create schema tenant_acme",
    "create table tenant_acme.authors (id int primary key, name text)",
    "create table tenant_acme.books (id int primary key, author int references tenant_acme.authors)",
    "create view tenant_acme.titles as select id from tenant_acme.books",
    "insert into tenant_acme.authors values (1, 'a')",
    "insert into tenant_acme.books values (2, 1)",
];

async fn there(cluster: &TestCluster) -> PgConnection {
    let mut administrator = cluster.connect().await;
    for sql in THERE {
        run(&mut administrator, sql).await;
    }
    administrator
}

#[tokio::test]
async fn it_is_distributed_with_its_tables() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    there(&cluster).await;
    let (db, strategy) = open(options(&cluster)).await;
    let report = strategy.verify().await.unwrap();
    let [finding] = report.findings() else {
        panic!("{report}")
    };
    assert_eq!(finding.fault(), PgFault::SchemaNotDistributed);
    assert_eq!(finding.mend(), r#"select citus_schema_distribute('"tenant_acme"')"#);
    provision_with_note(&db, "acme").await;
    // The tables that were there, the notes and the table that says which migrations have run.
    assert!(matches!(placed(&cluster, "acme").await[..], [(1.., 4)]));
    assert!(strategy.verify().await.unwrap().is_clean());
    let mut tx = db.begin_read(&member("acme")).await.unwrap();
    let joined = "select a.name from authors a join books b on b.author = a.id join titles t on t.id = b.id";
    let joined: Vec<String> = sqlx::query_scalar(joined).fetch_all(&mut *tx).await.unwrap();
    assert_eq!(joined, ["a"]);
}

/// Registered by `create schema if not exists`, it counts as distributed and is not.
#[tokio::test]
async fn one_that_is_only_registered_is_refused_and_mended() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut administrator = there(&cluster).await;
    run(&mut administrator, "drop view tenant_acme.titles").await;
    run(&mut administrator, "set citus.enable_schema_based_sharding = on").await;
    run(&mut administrator, "create schema if not exists tenant_acme").await;
    let (db, strategy) = open(options(&cluster)).await;
    let error = provision_error(&db, "acme").await.to_string();
    assert!(
        error.contains("its tables authors, books are on the coordinator alone"),
        "{error}"
    );
    let report = strategy.verify().await.unwrap();
    let [finding] = report.findings() else {
        panic!("{report}")
    };
    assert_eq!(finding.fault(), PgFault::SchemaNotDistributed);
    assert_eq!(
        finding.object(),
        r#"the tables authors, books of the schema "tenant_acme""#
    );
    run(&mut administrator, finding.mend()).await;
    let report = strategy.verify().await.unwrap();
    assert!(report.is_clean(), "{report}");
    provision_with_note(&db, "acme").await;
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    assert!(matches!(placed(&cluster, "acme").await[..], [(1.., 4)]));
}
