//! A database for each test, with its two roles, gone when the test ends.

use std::env;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::BY_POOLER;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Postgres, Row, SqlSafeStr};
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, StrategyName, Subject};
use tenancy_sqlx::{
    PgRowBuilder, PgRowStrategy, PgRowTables, PgServer, PgTenantTable, PoolSettings, StrategyRegistry, TenantDb,
};

pub(crate) const NOTES: &str = "create table notes (
    tenant_id text not null,
    id bigint generated always as identity,
    name text not null,
    body text not null default '',
    primary key (tenant_id, id),
    unique (tenant_id, name)
)";

/// A database that nobody else uses. Its owner administers it, and is no superuser: as teams have it.
pub(crate) struct TestDatabase {
    server: PgConnectOptions,
    name: String,
    owner: String,
    application: String,
}

pub(crate) const PASSWORD: &str = "only for tests";

/// What a server stores of it (RFC 5803), derived in 1 round instead of 4096: a test build hashes slowly, and tests connect often.
const VERIFIER: &str = "SCRAM-SHA-256$1:dGVuYW5jeSdzIHRlc3RzIQ==$3YNCVQyuG2X/WCDNp6beLpPzlNGhHbau8FN9iTzTO+0=:Nu0o84nd1y5i+knFwzvoyIrIHgZWny4sLSCJiHnsdHw=";

impl TestDatabase {
    pub(crate) async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if BY_POOLER && pooler_port().is_none() {
            // Told once, and no failure: `cargo xtask test` starts one, or fails.
            println!("NOT TESTED through PgBouncer: run `cargo xtask test`");
            std::process::exit(0);
        }
        let url = env::var("DATABASE_URL").expect("no PostgreSQL: run `cargo xtask test`, or set DATABASE_URL");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tenancy_test_{}_{number}", std::process::id());
        let this = Self {
            server: PgConnectOptions::from_str(&url).unwrap(),
            owner: format!("{name}_owner"),
            application: format!("{name}_app"),
            name,
        };
        let Self {
            name,
            owner,
            application,
            ..
        } = &this;
        let mut connection = this.server.clone().connect().await.unwrap();
        for sql in [
            format!("create role {application} login nosuperuser nobypassrls password '{VERIFIER}'"),
            // To make tenants' databases; it may make no roles.
            format!("create role {owner} login nosuperuser nobypassrls createdb password '{VERIFIER}'"),
            format!("create database {name} owner {owner}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut connection)
                .await
                .unwrap();
        }
        connection.close().await.unwrap();
        this
    }

    /// The database's owner, who is no superuser.
    pub(crate) fn administrator(&self) -> PgConnectOptions {
        let options = self.server.clone().database(&self.name);
        options.username(&self.owner).password(PASSWORD)
    }

    pub(crate) fn administrator_role(&self) -> &str {
        &self.owner
    }

    /// The text with `APP` replaced by the application's role, `ADMIN` by the administrator's, `DATABASE` by the name.
    pub(crate) fn named(&self, text: &str) -> String {
        text.replace("APP", &self.application)
            .replace("ADMIN", &self.owner)
            .replace("DATABASE", &self.name)
    }

    /// Connects as one who may do anything on the server. A test that needs it says what for.
    pub(crate) async fn superuser(&self) -> PgConnection {
        self.server.clone().database(&self.name).connect().await.unwrap()
    }

    pub(crate) fn application(&self) -> PgConnectOptions {
        let options = self.administrator().username(&self.application).password(PASSWORD);
        match pooler_port() {
            // As an application must behind a pooler.
            Some(port) => options.port(port).statement_cache_capacity(0).extra_float_digits(None),
            None => options,
        }
    }

    /// What the names of tenants' databases begin with. They are removed with this one.
    pub(crate) fn prefix(&self) -> String {
        format!("{}_of_", self.name)
    }

    pub(crate) fn application_role(&self) -> &str {
        &self.application
    }

    pub(crate) fn schema(&self) -> PgRowTables {
        PgRowTables::new(&self.application, &self.owner).unwrap()
    }

    /// As the administrator.
    pub(crate) async fn connect(&self) -> PgConnection {
        self.administrator().connect().await.unwrap()
    }

    /// How the database is reached, in both roles.
    pub(crate) fn server(&self) -> PgServer {
        PgServer::new(self.application(), self.administrator())
    }

    pub(crate) fn row(&self) -> PgRowBuilder {
        let schema = self.schema().with_table(PgTenantTable::new("notes").unwrap());
        PgRowStrategy::builder(self.server(), schema).with_migrations(migrations(&[NOTES]))
    }

    /// One connection, so that each transaction is on the one that the last had.
    pub(crate) async fn one_connection(&self) -> TenantDb<Postgres> {
        let row = by_the_same_way(self.row().with_pool(PoolSettings::new().with_max_connections(1)))
            .open()
            .await
            .unwrap();
        TenantDb::new(StrategyRegistry::new().with(row).unwrap())
    }
}

/// The strategy `row` over a number of connections, for which a test waits as long as it must.
pub(crate) async fn open_row(database: &TestDatabase, max: usize) -> TenantDb<Postgres> {
    let pool = PoolSettings::new()
        .with_max_connections(max)
        .with_acquire_timeout(Duration::from_secs(20));
    let row = by_the_same_way(database.row().with_pool(pool)).open().await.unwrap();
    TenantDb::new(StrategyRegistry::new().with(row).unwrap())
}

pub(crate) fn by_the_same_way(row: PgRowBuilder) -> PgRowBuilder {
    if BY_POOLER { row.with_transaction_pooler() } else { row }
}

fn pooler_port() -> Option<u16> {
    let port = env::var("TENANCY_PGBOUNCER_PORT").ok().filter(|_| BY_POOLER)?;
    Some(port.parse().unwrap())
}

/// On a thread of its own: a test that panics cannot wait.
impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Self {
            server,
            name,
            owner,
            application,
        } = self;
        let removed = std::thread::scope(|scope| {
            let removing = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let mut connection = server.clone().connect().await?;
                    let like = format!("{}\\_of\\_%", name.replace('_', "\\_"));
                    let tenants = sqlx::query_scalar("select datname::text from pg_database where datname like $1");
                    let tenants: Vec<String> = tenants.bind(like).fetch_all(&mut connection).await?;
                    for tenant in tenants {
                        let sql = format!("drop database if exists \"{tenant}\" with (force)");
                        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
                    }
                    for sql in [
                        format!("drop database if exists {name} with (force)"),
                        format!("drop role if exists {application}, {owner}"),
                    ] {
                        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
                    }
                    connection.close().await
                })
            });
            removing.join()
        });
        if !matches!(removed, Ok(Ok(()))) {
            eprintln!("the database {name} and the roles {application} and {owner} are left behind: {removed:?}");
        }
    }
}

/// One for each text. As in sqlx's files, the first line says that one runs outside of a transaction.
pub(crate) fn migrations(sql: &[&'static str]) -> Migrator {
    let one = |(index, sql): (usize, &&'static str)| {
        let version = i64::try_from(index).unwrap() + 1;
        let no_tx = sql.starts_with("-- no-transaction");
        Migration::new(version, "test".into(), MigrationType::Simple, sql.into_sql_str(), no_tx)
    };
    Migrator::with_migrations(sql.iter().enumerate().map(one).collect())
}

pub(crate) fn tenant(id: &str) -> Admitted {
    tenant_of(id, "row")
}

/// A member of a tenant of this strategy.
pub(crate) fn tenant_of(id: &str, strategy: &'static str) -> Admitted {
    let record = TenantRecord::new(id.parse().unwrap(), StrategyName::from_static(strategy));
    Admitted::dangerously_assume(record, ResolverName::from_static("test"), Subject::from_static("alice"))
}

/// Writes one note of each tenant, of the same name.
pub(crate) async fn seed(db: &TenantDb<Postgres>, tenants: &[&str]) {
    for id in tenants {
        let mut tx = db.begin(&tenant(id)).await.unwrap();
        let sql = "insert into notes (name, body) values ('first', $1)";
        sqlx::query(sql)
            .bind(format!("of {id}"))
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

/// What a query without a word about tenants finds.
pub(crate) async fn bodies(connection: &mut PgConnection) -> Vec<String> {
    let rows: Vec<PgRow> = sqlx::query("select body from notes order by body")
        .fetch_all(connection)
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

pub(crate) async fn bodies_of(db: &TenantDb<Postgres>, id: &str) -> Vec<String> {
    let mut tx = db.begin_read(&tenant(id)).await.unwrap();
    bodies(&mut tx).await
}

/// The five characters of an SQL error's class and condition.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, sqlx::Error>) -> String {
    match result {
        Err(sqlx::Error::Database(error)) => error.code().unwrap().into_owned(),
        other => panic!("{other:?}"),
    }
}
