use std::env;
use std::rc::Rc;
use std::str::FromStr;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool, Postgres, SqlSafeStr};
use tenancy_sqlx::{
    PgDatabaseStrategy, PgRowStrategy, PgRowTables, PgSchemaStrategy, PgServer, PgTenantTable, PoolSettings,
    StrategyRegistry, TenantDb,
};

use super::{NOTES, TENANTS, member};
use crate::measure::runtime;
use crate::{Group, Plot, Row, Unit};

pub(super) const BY_KEY: &str = "select body from notes where id = 500";
const BY_KEY_OF_T1: &str = "select body from plain_notes where tenant_id = 't1' and id = 500";
const SCAN: &str = "select count(*) from notes where body <> 'x'";
const SCAN_OF_T1: &str = "select count(*) from plain_notes where tenant_id = 't1' and body <> 'x'";

/// How many transactions are under way at a time. Both cores are busy then, so that what a pool does in the
/// background counts, and the times say less about which core the scheduler chose.
pub(super) const AT_ONCE: usize = 4;

/// Empty where `DATABASE_URL` names no server; `cargo xtask bench` starts one.
pub(crate) fn group() -> Group {
    let Ok(url) = env::var("DATABASE_URL") else {
        return Group::default();
    };
    let database = Rc::new(Database::new(&url, ""));
    let queries = |name: &str, times: usize| unscoped(&database, name, BY_KEY_OF_T1, times);
    let read = |strategy: &'static str, times| read_only(&database, strategy, BY_KEY, times);
    let group = Group::default()
        .with_longer_turns(10)
        .row(queries("unscoped query", 1))
        .row(queries("five unscoped queries", 5));
    let fenced = Rc::new(Database::fenced(&url));
    let group = ["row", "schema", "database"]
        .into_iter()
        .fold(group, |group, strategy| {
            // In a fenced database each transaction looks at its tenant's place, and one that writes takes a lock, too.
            group
                .row(read_only(&fenced, strategy, BY_KEY, 1))
                .against(["unscoped query"], 1.25)
                .row(read_write(&fenced, strategy, 1))
                .against(["unscoped query"], 1.5)
        });
    let group = ["row", "schema", "database"]
        .into_iter()
        .fold(group, |group, strategy| {
            group
                .row(read(strategy, 1))
                .against(["unscoped query"], if strategy == "database" { 1.1 } else { 1.25 })
                .row(read_write(&database, strategy, 1))
                .against(["unscoped query"], 1.75)
                .row(read_write(&database, strategy, 5))
                .against(["five unscoped queries"], 1.5)
        });
    let plot = Plot::bars(
        "postgres-by-strategy",
        "A transaction with one query, by strategy, on PostgreSQL",
        Unit::Microseconds,
    )
    .bar("the query without tenancy", "unscoped query");
    let plot = ["row", "schema", "database"].into_iter().fold(plot, |plot, strategy| {
        let (read, fenced) = (
            read_name(&database.named(strategy), 1),
            read_name(&fenced.named(strategy), 1),
        );
        plot.bar(format!("{strategy}, read"), read)
            .bar(format!("{strategy}, fenced, read"), fenced)
            .bar(
                format!("{strategy}, read and write, committed"),
                write_name(&database.named(strategy), 1),
            )
    });
    group
        .plot(plot)
        .row(in_session(&database, "predicate, by key", BY_KEY_OF_T1))
        .row(in_session(&database, "policy, by key", BY_KEY))
        .against(["predicate, by key"], 1.2)
        .row(in_session(&database, "predicate, scan", SCAN_OF_T1))
        .row(in_session(&database, "policy, scan", SCAN))
        .against(["predicate, scan"], 1.2)
}

/// As most services do it: the default pool, which asks each connection whether it lives.
fn unscoped(database: &Rc<Database>, name: &str, sql: &'static str, times: usize) -> Row {
    let database = Rc::clone(database);
    let open = async move || (database.pool(), database);
    Row::concurrent(name, AT_ONCE, open, async move |(pool, _): &(PgPool, Rc<Database>)| {
        for _ in 0..times {
            sqlx::query(sql).fetch_one(pool).await.unwrap();
        }
    })
}

fn read_name(strategy: &str, times: usize) -> String {
    format!("{strategy}: read, {times} query")
}

fn write_name(strategy: &str, times: usize) -> String {
    format!("{strategy}: read and write, {times} in one transaction, committed")
}

fn read_only(database: &Rc<Database>, strategy: &'static str, sql: &'static str, times: usize) -> Row {
    let member = member(strategy);
    scoped(
        database,
        &read_name(&database.named(strategy), times),
        strategy,
        async move |db| {
            let mut tx = db.begin_read(&member).await.unwrap();
            for _ in 0..times {
                sqlx::query(sql).fetch_one(&mut *tx).await.unwrap();
            }
        },
    )
}

fn read_write(database: &Rc<Database>, strategy: &'static str, times: usize) -> Row {
    let member = member(strategy);
    let name = write_name(&database.named(strategy), times);
    scoped(database, &name, strategy, async move |db| {
        let mut tx = db.begin(&member).await.unwrap();
        for _ in 0..times {
            sqlx::query(BY_KEY).fetch_one(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
    })
}

fn scoped(
    database: &Rc<Database>,
    name: &str,
    strategy: &'static str,
    operation: impl AsyncFn(&TenantDb<Postgres>) + 'static,
) -> Row {
    let database = Rc::clone(database);
    let open = async move || (database.tenants(strategy).await, database);
    let operation = async move |(db, _): &(TenantDb<Postgres>, Rc<Database>)| operation(db).await;
    Row::concurrent(name, AT_ONCE, open, operation)
}

/// On connections that are the tenant's for good, so that the policy is all that differs.
fn in_session(database: &Rc<Database>, name: &str, sql: &'static str) -> Row {
    let database = Rc::clone(database);
    let open = async move || {
        let pool = PgPoolOptions::new().test_before_acquire(false);
        let pool = pool.after_connect(|connection, _| {
            Box::pin(async { connection.execute("set app.tenant_id = 't1'").await.map(drop) })
        });
        (pool.connect_lazy_with(database.application()), database)
    };
    Row::concurrent(name, AT_ONCE, open, async move |(pool, _): &(PgPool, Rc<Database>)| {
        sqlx::query(sql).fetch_one(pool).await.unwrap();
    })
}

/// A database of the bench's own, gone with the last row.
pub(super) struct Database {
    server: PgConnectOptions,
    name: String,
    is_fenced: bool,
}

impl Database {
    /// `mark` tells it from others of the same process.
    pub(super) fn new(url: &str, mark: &str) -> Self {
        let this = Self {
            server: PgConnectOptions::from_str(url).unwrap(),
            name: format!("tenancy_bench_{}{mark}", std::process::id()),
            is_fenced: false,
        };
        let name = &this.name;
        this.run(async |server| {
            execute(server, format!("create role {name}_app login password 'bench'")).await;
            // The administrator is the owner, and no superuser: as teams have it.
            execute(server, format!("create role {name}_owner login createdb password 'bench'")).await;
            execute(server, format!("create database {name} owner {name}_owner")).await;
            let mut inside = this.administrator().connect().await.unwrap();
            let plain = format!(
                "create table plain_notes (tenant_id text not null, id bigint not null, body text not null,
                    primary key (tenant_id, id));
                insert into plain_notes
                    select 't' || t, n, md5(n::text) from generate_series(1, {TENANTS}) t, generate_series(1, {NOTES}) n;
                grant select on plain_notes to {name}_app; analyze"
            );
            execute(&mut inside, plain).await;
            inside.close().await.unwrap();
        });
        this
    }

    /// One in which each transaction looks at its tenant's place.
    pub(super) fn fenced(url: &str) -> Self {
        let mut this = Self::new(url, "_fenced");
        this.is_fenced = true;
        this
    }

    /// The strategy, as its rows are called.
    fn named(&self, strategy: &str) -> String {
        format!("{strategy}{}", if self.is_fenced { ", fenced" } else { "" })
    }

    pub(super) fn role(&self) -> String {
        format!("{}_app", self.name)
    }

    pub(super) fn administrator(&self) -> PgConnectOptions {
        let owner = format!("{}_owner", self.name);
        let options = self.server.clone().database(&self.name);
        options.username(&owner).password("bench")
    }

    pub(super) fn application(&self) -> PgConnectOptions {
        self.administrator().username(&self.role()).password("bench")
    }

    fn pool(&self) -> PgPool {
        PgPoolOptions::new().connect_lazy_with(self.application())
    }

    /// One strategy, with its data.
    pub(super) async fn tenants(&self, strategy: &str) -> TenantDb<Postgres> {
        self.tenants_in(strategy, PoolSettings::new()).await
    }

    /// The strategy `row`, and its pool.
    pub(super) async fn rows_in(&self, pool: PoolSettings) -> TenantDb<Postgres> {
        self.tenants_in("row", pool).await
    }

    async fn tenants_in(&self, strategy: &str, pool: PoolSettings) -> TenantDb<Postgres> {
        let server = PgServer::new(self.application(), self.administrator());
        let role = self.role();
        let shared = "create table if not exists notes (like plain_notes including all);
            insert into notes select * from plain_notes on conflict do nothing";
        let own = "create table notes (id bigint primary key, body text not null);
            insert into notes select n, md5(n::text) from generate_series(1, 1000) n";
        let registry = match strategy {
            "row" => {
                let schema = PgRowTables::new(&role, self.administrator().get_username()).unwrap();
                let schema = schema.with_table(PgTenantTable::new("notes").unwrap());
                let mut row = PgRowStrategy::builder(server, schema).with_migrations(migration(shared));
                if self.is_fenced {
                    row.enable_fence().await.unwrap();
                    row = row.with_fence();
                }
                // The table without a policy is there on purpose.
                let row = row.with_pool(pool).dangerously_allow_findings();
                StrategyRegistry::new().with(row.open().await.unwrap())
            }
            "schema" => {
                let mut schema = PgSchemaStrategy::builder(server);
                if self.is_fenced {
                    schema.enable_fence().await.unwrap();
                    schema = schema.with_fence();
                }
                StrategyRegistry::new().with(schema.with_migrations(migration(own)).open().await.unwrap())
            }
            _ => {
                let database = PgDatabaseStrategy::builder(server);
                let mut database = database
                    .with_prefix(format!("{}_of_", self.name))
                    .with_migrations(migration(own));
                if self.is_fenced {
                    database = database.with_fence();
                }
                StrategyRegistry::new().with(database.open().await.unwrap())
            }
        };
        let db = TenantDb::new(registry.unwrap());
        db.provision(member(strategy).tenant()).await.unwrap();
        db
    }

    fn run(&self, work: impl AsyncFnOnce(&mut PgConnection)) {
        runtime().block_on(async {
            let mut server = self.server.clone().connect().await.unwrap();
            work(&mut server).await;
            server.close().await.unwrap();
        });
    }
}

pub(super) fn migration(sql: &'static str) -> Migrator {
    let one = Migration::new(1, "bench".into(), MigrationType::Simple, sql.into_sql_str(), false);
    Migrator::with_migrations(vec![one])
}

pub(super) async fn execute(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = &self.name;
        self.run(async |server| {
            for database in [format!("{name}_of_t1"), name.clone()] {
                execute(server, format!("drop database if exists {database} with (force)")).await;
            }
            execute(server, format!("drop role if exists {name}_app, {name}_owner")).await;
        });
    }
}
