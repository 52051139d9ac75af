//! Every id that the fuzz targets begin with, and worse ones: as a tenant of each strategy.

use std::collections::BTreeSet;
use std::path::Path;

use tenancy_core::names::TenantId;
use tenancy_sqlx::StrategyError;

use crate::postgres::support::database_server;
use crate::postgres::support::schema_server::{self, run, schemas};
use crate::postgres::support::server::{TestDatabase, bodies_of, seed};

/// What SQL, shells, paths and catalogs could take for something else, as far as an id can spell it.
const SLY: [&str; 24] = [
    "public",
    "postgres",
    "template0",
    "template1",
    "pg_catalog",
    "pg_temp",
    "pg_toast",
    "information_schema",
    "null",
    "default",
    "current_user",
    "session_user",
    "select",
    "user",
    "all",
    "none",
    "0",
    "00",
    "007",
    "1e9",
    "a--",
    "a-b",
    "a_b",
    "x",
];

/// The seeds that are ids, the sly ones, and the longest.
fn ids() -> BTreeSet<TenantId> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proof/fuzz/seeds/tenant_id");
    let seeds = std::fs::read_dir(seeds)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let written: Vec<Vec<u8>> = seeds.chain(SLY.map(|id| id.as_bytes().to_vec())).collect();
    let longest = [55, 56, 57, 62, 63].map(|length| "z".repeat(length).into_bytes());
    let all = written.into_iter().chain(longest);
    let ids: BTreeSet<TenantId> = all.filter_map(|bytes| TenantId::parse(&bytes).ok()).collect();
    assert!(ids.len() > 28, "{ids:?}");
    ids
}

#[tokio::test]
async fn as_rows() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    let ids = ids();
    let ids: Vec<&str> = ids.iter().map(TenantId::as_str).collect();
    seed(&db, &ids).await;
    for id in ids {
        assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
    }
}

/// Each has the schema of its name or none, and nothing else is made.
#[tokio::test]
async fn as_schemas() {
    let database = TestDatabase::new().await;
    let (db, _) = schema_server::open(schema_server::options(&database)).await;
    let mut expected = BTreeSet::new();
    for id in ids() {
        if id.as_str().len() > 56 {
            let error = schema_server::provision_error(&db, id.as_str()).await;
            assert!(matches!(error, StrategyError::SchemaName { .. }), "{id}: {error:?}");
        } else {
            schema_server::provision_with_note(&db, id.as_str()).await;
            expected.insert(format!("tenant_{id}"));
        }
    }
    let made: BTreeSet<String> = schemas(&database).await.into_iter().collect();
    assert_eq!(made, expected);
    for name in expected {
        let id = name.trim_start_matches("tenant_");
        assert_eq!(schema_server::notes_of(&db, id).await, [format!("of {id}")]);
    }
}

/// Without a prefix an id is a name as it is: what is PostgreSQL's own is nobody's.
#[tokio::test]
async fn as_schemas_without_a_prefix() {
    let database = TestDatabase::new().await;
    let (db, _) = schema_server::open(schema_server::options(&database).with_prefix("")).await;
    run(&mut database.connect().await, "create table public.notes (body text)").await;
    for id in ids() {
        let is_reserved = id.as_str().starts_with("pg_")
            || id.as_str().starts_with("template")
            || matches!(id.as_str(), "public" | "postgres" | "information_schema");
        if is_reserved {
            let error = schema_server::provision_error(&db, id.as_str()).await;
            assert!(matches!(error, StrategyError::SchemaName { .. }), "{id}: {error:?}");
        } else {
            schema_server::provision_with_note(&db, id.as_str()).await;
            assert_eq!(schema_server::notes_of(&db, id.as_str()).await, [format!("of {id}")]);
        }
    }
}

#[tokio::test]
async fn as_databases() {
    let database = TestDatabase::new().await;
    let (db, _) = database_server::open(database_server::options(&database)).await;
    let room = 63 - database.prefix().len();
    let mut expected = BTreeSet::new();
    for id in ids() {
        if id.as_str().len() > room {
            let error = database_server::provision_error(&db, id.as_str()).await;
            assert!(matches!(error, StrategyError::SchemaName { .. }), "{id}: {error:?}");
        } else {
            database_server::provision_with_note(&db, id.as_str()).await;
            expected.insert(id.to_string());
        }
    }
    let made: BTreeSet<String> = database_server::databases(&database).await.into_iter().collect();
    assert_eq!(made, expected);
    for id in expected {
        assert_eq!(database_server::notes_of(&db, &id).await, [format!("of {id}")]);
    }
}
