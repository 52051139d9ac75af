//! How long a new tenant waits for its database.

use std::cell::Cell;
use std::env;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{ConnectOptions, Connection, SqlSafeStr};
use tenancy_core::directory::TenantRecord;
use tenancy_sqlx::{IsolationStrategy, PgDatabaseStrategy, PgServer};

use super::postgres::{Database, execute};
use crate::measure::runtime;
use crate::{Group, Row};

/// How many migrations there are, each of a table with an index.
const MIGRATIONS: i64 = 50;

const BUILT: &str = "a database of 50 migrations, built";

/// Empty where `DATABASE_URL` names no server.
pub(crate) fn group() -> Group {
    let Ok(url) = env::var("DATABASE_URL") else {
        return Group::default();
    };
    let database = Rc::new(Database::new(&url, "_sign_up"));
    Group::default()
        .row(provision(&database, BUILT, false))
        .row(provision(
            &database,
            "the same, copied from the migrated template",
            true,
        ))
        .against([BUILT], None)
}

/// Provisions a tenant each time. That it is removed again is not measured.
fn provision(database: &Rc<Database>, name: &str, from_template: bool) -> Row {
    let database = Rc::clone(database);
    let runtime = runtime();
    let strategy = runtime.block_on(async {
        let server = PgServer::new(database.application(), database.administrator());
        let mark = if from_template { "copied" } else { "built" };
        let builder = PgDatabaseStrategy::builder(server)
            .with_prefix(format!("{}_{mark}_", database.role()))
            .with_template("template0")
            .unwrap()
            .with_migrations(migrations());
        let builder = if from_template {
            builder.with_migrated_template()
        } else {
            builder
        };
        Opened(builder.open().await.unwrap(), database)
    });
    let next = Cell::new(0);
    Row::timed(name, move |times| {
        runtime.block_on(async {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                next.set(next.get() + 1);
                let id = format!("t{}", next.get()).parse().unwrap();
                let tenant = TenantRecord::new(id, "database".parse().unwrap());
                let begun = Instant::now();
                strategy.0.provision(&tenant).await.unwrap();
                took += begun.elapsed();
                strategy.0.dangerously_drop_database(&tenant).await.unwrap();
            }
            took
        })
    })
}

fn migrations() -> Migrator {
    let migrations = (1..=MIGRATIONS).map(|version| {
        let mut sql = format!("create table t{version} (id bigint primary key, body text not null, at timestamptz);");
        write!(sql, "create index t{version}_at on t{version} (at)").unwrap();
        let sql = AssertSqlSafe(sql).into_sql_str();
        Migration::new(version, "bench".into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// A strategy, whose template is gone with it.
struct Opened(PgDatabaseStrategy, Rc<Database>);

impl Drop for Opened {
    fn drop(&mut self) {
        runtime().block_on(async {
            let mut administrator = self.1.administrator().connect().await.unwrap();
            let sql = "select format('drop database if exists %I', datname) from pg_database
                where datname like 'tenancy\\_template\\_%' and pg_get_userbyid(datdba) = current_user";
            let templates: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut administrator).await.unwrap();
            for sql in templates {
                execute(&mut administrator, sql).await;
            }
            administrator.close().await.unwrap();
        });
    }
}
