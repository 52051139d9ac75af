//! One statement, run by the library in the tenant's own transaction.

use futures_util::TryStreamExt as _;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Either, Executor as _, Postgres, Sqlite};
use tenancy::directory::{TenantEntry as _, TenantStatus};
use tenancy::enforce::Admitted;
use tenancy::names::ResolverName;
use tenancy::{Data, OpenDatabase};
use tenancy_sqlx::{DataAccess, DirectoryEntry, TenantTransaction};

use super::cell::{self, Cell};
use super::one_statement::is_one;
use super::sessions::Sessions;
use crate::args::Sql;
use crate::output::{Answer, Failure, Table, chain};
use crate::site::{Operated, Site, entry};

/// What a statement returned.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    affected: u64,
}

/// How a database runs a statement whose result is not known.
pub(crate) trait Statements: OpenDatabase {
    /// Makes the rest of a transaction read only.
    const READ_ONLY: &'static str;

    /// Runs it, and nothing else: several statements could leave the transaction, and with it the tenant.
    async fn run(tx: &mut TenantTransaction<Self>, sql: &str) -> Result<Rows, Failure>;
}

fn refused(error: &sqlx::Error) -> Failure {
    Failure::new(
        "statement_failed",
        format!("failed to run the statement: {}", chain(error)),
    )
    .advise("correct the statement: nothing was changed")
}

fn several() -> Failure {
    Failure::usage("expected one statement").advise("give one statement at a time, or run `psql` (no `--command`)")
}

macro_rules! fetch {
    ($tx:expr, $sql:expr, $cell:path) => {{
        let mut found = Rows::default();
        let connection = &mut **$tx;
        let mut results = sqlx::raw_sql(AssertSqlSafe($sql.to_owned())).fetch_many(connection);
        while let Some(result) = results.try_next().await.map_err(|error| refused(&error))? {
            match result {
                Either::Left(done) => found.affected = done.rows_affected(),
                Either::Right(row) => {
                    use sqlx::{Column as _, Row as _};
                    if found.columns.is_empty() {
                        let names = row.columns().iter().map(|column| column.name().to_owned());
                        found.columns = names.collect();
                    }
                    let cells: Result<Vec<Cell>, sqlx::Error> = (0..row.len()).map(|at| $cell(&row, at)).collect();
                    found.rows.push(cells.map_err(|error| refused(&error))?);
                }
            }
        }
        Ok(found)
    }};
}

impl Statements for Postgres {
    const READ_ONLY: &'static str = "set transaction read only";

    async fn run(tx: &mut TenantTransaction<Self>, sql: &str) -> Result<Rows, Failure> {
        // The server prepares no more than one.
        let prepared = (&mut **tx).prepare(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(sql.to_owned())));
        match prepared.await {
            Err(sqlx::Error::Database(error)) if error.message().contains("multiple commands") => Err(several()),
            Err(error) => Err(refused(&error)),
            Ok(statement) => {
                use sqlx::Statement as _;
                if statement.parameters().is_some_and(|parameters| match parameters {
                    Either::Left(types) => !types.is_empty(),
                    Either::Right(number) => number > 0,
                }) {
                    return Err(
                        Failure::usage("the statement has parameters, and there are no values for them")
                            .advise("write the values into the statement"),
                    );
                }
                fetch!(tx, sql, cell::of_postgres)
            }
        }
    }
}

impl Statements for Sqlite {
    const READ_ONLY: &'static str = "pragma query_only = on";

    async fn run(tx: &mut TenantTransaction<Self>, sql: &str) -> Result<Rows, Failure> {
        if !is_one(sql) {
            return Err(several());
        }
        fetch!(tx, sql, cell::of_sqlite)
    }
}

pub(crate) async fn sql<DB: Sessions + Statements>(site: &Site<'_>, args: &Sql) -> Result<Answer, Failure> {
    let statement = match &args.command {
        Some(statement) => Some(statement.clone()),
        None => DB::statement_of_input()?,
    };
    let directory = if args.change.dry_run {
        site.reader::<DB>().await?
    } else {
        site.writer::<DB>(&args.change).await?
    };
    let tenant = entry(&directory, &args.id).await?;
    if args.change.dry_run {
        directory.close().await;
        let what = statement.as_deref().unwrap_or("psql");
        return Ok(Answer::new(format!(
            "this would run in the scope of the tenant `{}`: {what}",
            args.id
        ))
        .with("dry_run", true));
    }
    let access = if args.write {
        DataAccess::Write
    } else {
        DataAccess::Read
    };
    directory.record_access(&args.id, access).await?;
    directory.close().await;
    match statement {
        Some(statement) => by_library::<DB>(site, args, &tenant, &statement).await,
        None => DB::interactive(site, &tenant, args.write).await,
    }
}

async fn by_library<DB: Operated + Statements>(
    site: &Site<'_>,
    args: &Sql,
    tenant: &DirectoryEntry,
    statement: &str,
) -> Result<Answer, Failure> {
    // The application's role runs it, as it runs the statements of requests.
    let data: Data<DB> = site.open().without_http().serving_only().await?;
    let ran = in_scope(&data, args, tenant, statement).await;
    data.close().await;
    Ok(answer(args, &ran?))
}

async fn in_scope<DB: Operated + Statements>(
    data: &Data<DB>,
    args: &Sql,
    tenant: &DirectoryEntry,
    statement: &str,
) -> Result<Rows, Failure> {
    let actor = args.change.attribution().actor().clone();
    let admitted = Admitted::dangerously_assume(tenant.handle(), ResolverName::from_static("command"), actor);
    let is_active = tenant.record().status == TenantStatus::Active;
    let mut tx = match (is_active, args.write) {
        (true, true) => data.db.begin(&admitted).await?,
        (true, false) => data.db.begin_read(&admitted).await?,
        (false, _) => data.db.dangerously_begin_in_any_status(&admitted).await?,
    };
    if !is_active && !args.write {
        DB::run(&mut tx, DB::READ_ONLY).await?;
    }
    let rows = DB::run(&mut tx, statement).await?;
    if args.write {
        tx.commit().await?;
    } else {
        // It has read: whatever it was, it is undone.
        tx.rollback().await?;
    }
    Ok(rows)
}

fn answer(args: &Sql, found: &Rows) -> Answer {
    let machine = |row: &Vec<Cell>| -> Value {
        let cells = found.columns.iter().cloned().zip(row.iter().map(Cell::machine));
        Value::Object(cells.collect())
    };
    let text = if found.columns.is_empty() {
        format!("{} rows", found.affected)
    } else {
        let mut table = Table::new(found.columns.iter().map(String::as_str));
        for row in &found.rows {
            table.row(row.iter().map(Cell::text));
        }
        table.to_string()
    };
    Answer::new(text)
        .with("tenant", args.id.as_str())
        .with("columns", found.columns.clone())
        .with("rows", found.rows.iter().map(machine).collect::<Vec<_>>())
        .with("affected", found.affected)
}
