//! A migration that the server runs in no transaction, such as `create index concurrently`.

use sqlx::migrate::{MigrateError, Migration};
use sqlx::{AssertSqlSafe, PgConnection};

use super::index::ConcurrentIndex;
use crate::StrategyError;
use crate::postgres::identifier::PgIdentifier;
use crate::postgres::tenant_schema::outside::reach::Reach;
use crate::statement::{Statement, Token, begins_with, statements};

/// A migration whose row in the ledger cannot commit with it.
///
/// The row is there before, without success, so that a run which comes later knows that this one began it: an index that
/// stands is then built already, and one that is not valid is dropped and built again. Any other such statement is run
/// again, and must bear that.
///
/// It cannot be undone either. In a tenant's schema it is therefore judged by its text, before it runs.
pub(in crate::postgres::tenant_schema) struct Alone<'m> {
    pub(in crate::postgres::tenant_schema) schema: &'m PgIdentifier,
    pub(in crate::postgres::tenant_schema) reach: Reach<'m>,
    /// The table that says which migrations have run, by its full name.
    pub(in crate::postgres::tenant_schema) ledger: &'m str,
    pub(in crate::postgres::tenant_schema) migration: &'m Migration,
    /// Whether an earlier run began it, and did not hear of its end.
    pub(in crate::postgres::tenant_schema) has_begun: bool,
}

impl Alone<'_> {
    pub(in crate::postgres::tenant_schema) async fn run(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(), StrategyError> {
        if let Reach::Schema { shared } = self.reach {
            self.refuse_what_reaches_outside(shared, connection).await?;
        }
        let index = ConcurrentIndex::parse(self.migration.sql.as_str());
        let mut is_done = false;
        if let (Some(index), true) = (&index, self.has_begun) {
            is_done = index.is_built(connection).await?;
            index.drop_invalid(connection).await?;
        }
        self.write_row(connection).await?;
        if !is_done {
            match run_sql(connection, self.migration).await {
                Err(error) if self.is_dropped(index.as_ref(), &error) => {}
                Err(error) => return Err(self.undo(index.as_ref(), error, connection).await),
                Ok(()) => {}
            }
        }
        let sql = format!("update {} set success = true where version = $1", self.ledger);
        self.on_row(sql, connection).await
    }

    /// An index that is not there was dropped by the run that began to.
    fn is_dropped(&self, index: Option<&ConcurrentIndex>, error: &MigrateError) -> bool {
        self.has_begun && index == Some(&ConcurrentIndex::Drop) && code(error).as_deref() == Some("42704")
    }

    /// The server refused, so it is known that nothing is done: but for an index that is not valid. Where the connection
    /// was lost nothing is known, and the row stays.
    async fn undo(
        &self,
        index: Option<&ConcurrentIndex>,
        error: MigrateError,
        connection: &mut PgConnection,
    ) -> StrategyError {
        if code(&error).is_some() {
            let undone = match index {
                Some(index) => index.drop_invalid(connection).await.map_err(StrategyError::from),
                None => Ok(()),
            };
            if undone.is_ok() {
                let sql = format!("delete from {} where version = $1 and not success", self.ledger);
                // If this fails the row says still that the migration was begun, which the next run copes with.
                let _ = self.on_row(sql, connection).await;
            }
        }
        error.into()
    }

    async fn write_row(&self, connection: &mut PgConnection) -> Result<(), StrategyError> {
        let sql = format!(
            "insert into {} (version, description, success, checksum, execution_time) values ($1, $2, false, $3, -1)
            on conflict (version) do update set checksum = excluded.checksum, description = excluded.description",
            self.ledger
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(self.migration.version)
            .bind(&*self.migration.description)
            .bind(&*self.migration.checksum)
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn on_row(&self, sql: String, connection: &mut PgConnection) -> Result<(), StrategyError> {
        let query = sqlx::query(AssertSqlSafe(sql)).bind(self.migration.version);
        query.execute(connection).await?;
        Ok(())
    }

    async fn refuse_what_reaches_outside(
        &self,
        shared: &[PgIdentifier],
        connection: &mut PgConnection,
    ) -> Result<(), StrategyError> {
        let statements = statements(self.migration.sql.as_str());
        let mut objects: Vec<String> = statements.iter().filter_map(beyond_a_schema).collect();
        let (mut schemas, mut relations) = (Vec::new(), Vec::new());
        for statement in &statements {
            schemas.extend(qualifiers(statement));
            relations.extend(targets(statement));
        }
        let shared: Vec<&str> = shared.iter().map(PgIdentifier::as_str).collect();
        let outside: Vec<String> = sqlx::query_scalar(OUTSIDE)
            .bind(self.schema.as_str())
            .bind(shared)
            .bind(schemas)
            .bind(relations)
            .fetch_all(connection)
            .await?;
        objects.extend(outside);
        if objects.is_empty() {
            return Ok(());
        }
        Err(StrategyError::ChangedOutside {
            schema: self.schema.clone(),
            objects,
        })
    }
}

/// Runs the migration's text as it is.
pub(in crate::postgres::tenant_schema) async fn run_sql(
    connection: &mut PgConnection,
    migration: &Migration,
) -> Result<(), MigrateError> {
    let done = sqlx::raw_sql(migration.sql.clone()).execute(connection).await;
    done.map(drop)
        .map_err(|error| MigrateError::ExecuteMigration(error, migration.version))
}

/// Of the schemas `$3` those that are not the tenant's `$1`; and of the relations `$4` those that are found in one of the
/// shared schemas `$2`.
const OUTSIDE: &str = "
select pg_catalog.format('schema %I', n.nspname) as name from pg_catalog.pg_namespace n
where n.nspname = any ($3) and n.nspname <> $1 and n.nspname <> all ($2)
union
select pg_catalog.format('%I.%I', n.nspname, c.relname)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($2) and c.relname = any ($4) and c.relkind <> 'c'
    and (n.nspname = any ($3) or not exists (select from pg_catalog.pg_class o
        join pg_catalog.pg_namespace s on s.oid = o.relnamespace where s.nspname = $1 and o.relname = c.relname))
order by name";

fn code(error: &MigrateError) -> Option<String> {
    let MigrateError::ExecuteMigration(error, _) = error else {
        return None;
    };
    error.as_database_error()?.code().map(|code| code.into_owned())
}

/// A statement that is about more than tables and indexes: its first words.
fn beyond_a_schema(statement: &Statement) -> Option<String> {
    let within: [&[&str]; 7] = [
        &["create", "index"],
        &["create", "unique", "index"],
        &["drop", "index"],
        &["alter", "table"],
        &["reindex"],
        &["vacuum"],
        &["cluster"],
    ];
    let is_whole = |word: &str| statement.iter().any(|token| token.is(word));
    let is_within = within.iter().any(|words| begins_with(statement, words));
    let reindexes_all =
        begins_with(statement, &["reindex"]) && ["database", "system"].iter().any(|word| is_whole(word));
    if is_within && !reindexes_all {
        return None;
    }
    let words: Vec<&str> = statement.iter().filter_map(Token::name).take(3).collect();
    Some(format!("what `{}` is about", words.join(" ")))
}

/// The names that stand before a dot, and all names where a schema is reindexed.
fn qualifiers(statement: &Statement) -> Vec<String> {
    let is_about_schema = begins_with(statement, &["reindex"]) && statement.iter().any(|token| token.is("schema"));
    let next = statement.iter().skip(1).map(Some).chain([None]);
    let names = statement.iter().zip(next).filter_map(|(token, next)| {
        let is_qualifier = is_about_schema || next == Some(&Token::Symbol('.'));
        token.name().filter(|_| is_qualifier)
    });
    names.map(str::to_owned).collect()
}

/// The names outside of parentheses, and before those of an index's columns.
fn targets(statement: &Statement) -> Vec<String> {
    let is_index = begins_with(statement, &["create"]);
    let mut depth = 0_usize;
    let mut names = Vec::new();
    for token in statement {
        match token {
            Token::Symbol('(') if is_index => break,
            Token::Symbol('(') => depth += 1,
            Token::Symbol(')') => depth = depth.saturating_sub(1),
            token if depth == 0 => names.extend(token.name().map(str::to_owned)),
            _ => {}
        }
    }
    names
}
