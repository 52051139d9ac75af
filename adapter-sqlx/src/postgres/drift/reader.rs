//! The objects of schemas, read by a bounded number of queries.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection};

use super::question::Question;
use super::{code, parts, relations, whole_database};
use crate::StrategyError;
use crate::drift::Fact;

/// What is read at once. A session keeps what it has looked at of each schema, so each batch has a connection of its own.
pub(super) const BATCH: usize = 500;

/// How the roles are called on the server.
pub(super) struct Roles {
    pub(super) application: String,
    pub(super) administrator: String,
}

/// Whose schemas are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Each schema is one tenant's.
    Schemas,
    /// All of the database is one tenant's.
    Database,
}

/// Where a tenant's tables are in a database of its own.
const PUBLIC: &str = "public";

type Row = (String, String, String, Option<String>, Vec<Option<String>>);

/// Reads the objects of these schemas, and gives each one to `each` with its schema. It writes nothing, and each query is a transaction of
/// its own, so that no locks add up.
pub(super) async fn read(
    connection: &mut PgConnection,
    scope: Scope,
    schemas: &[String],
    roles: &Roles,
    mut each: impl FnMut(&str, Fact) + Send,
) -> Result<(), StrategyError> {
    let ready = "set search_path = pg_catalog; set quote_all_identifiers = off; set jit = off; set lock_timeout = '30s'; \
        set default_transaction_read_only = on";
    sqlx::raw_sql(ready).execute(&mut *connection).await?;
    let mut questions = relations::questions();
    questions.extend(parts::questions());
    questions.extend(code::questions());
    match scope {
        Scope::Schemas => questions.push(code::extensions()),
        Scope::Database => questions.extend(whole_database::questions()),
    }
    for Question { aspects, sql } in questions {
        let query = sqlx::query_as(AssertSqlSafe(sql))
            .persistent(false)
            .bind(schemas)
            .bind(&roles.application)
            .bind(&roles.administrator);
        let mut rows = query.fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let (schema, fact) = fact(scope, aspects, row);
            each(&schema, fact);
        }
    }
    Ok(())
}

fn fact(scope: Scope, aspects: &[&'static str], row: Row) -> (String, Fact) {
    let (schema, kind, mut name, mut parent, definitions) = row;
    if scope == Scope::Database && schema != PUBLIC {
        if kind == "schema" {
            name.clone_from(&schema);
        } else {
            name = format!("{schema}.{name}");
            parent = parent.map(|parent| format!("{schema}.{parent}"));
        }
    }
    let aspects = aspects.iter().copied().zip(definitions);
    let fact = Fact {
        kind,
        name,
        parent,
        aspects: aspects.collect(),
    };
    (schema, fact)
}

/// Which of these schemas there are.
pub(super) async fn existing(connection: &mut PgConnection, schemas: &[String]) -> Result<Vec<String>, StrategyError> {
    let sql = "select n.nspname::text from pg_catalog.pg_namespace n where n.nspname = any ($1::text[])";
    let existing = sqlx::query_scalar(sql).persistent(false).bind(schemas);
    Ok(existing.fetch_all(connection).await?)
}

/// The schemas of a tenant's database: all but the server's own, and this library's, which depend on whether the database is fenced.
pub(super) async fn of_database(connection: &mut PgConnection) -> Result<Vec<String>, StrategyError> {
    let sql = "select n.nspname::text from pg_catalog.pg_namespace n where n.nspname <> 'information_schema'
        and n.nspname !~ '^pg_' and n.nspname not in ('tenancy_fence', 'tenancy_versions')";
    let schemas = sqlx::query_scalar(sql).persistent(false);
    Ok(schemas.fetch_all(connection).await?)
}
