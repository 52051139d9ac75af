//! The migrations of all tenants: what a plan costs, and a run beside the same SQL by hand.

use std::env;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Postgres, SqlSafeStr};
use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_sqlx::fleet::{Fleet, FleetOptions, Stop};
use tenancy_sqlx::{NewTenant, PgDirectory, PgSchemaStrategy, PgServer, StrategyRegistry, TenantDb};
use tokio::task::JoinSet;

use super::postgres::Database;
use crate::measure::runtime;
use crate::{Group, Row};

const OWN: &str = "create table notes (id bigint primary key, body text not null)";
const NEW: &str = "create table drafts (id bigint primary key, body text not null)";
const OLD: &str = "drop table drafts";

/// How many connections run the same SQL by hand.
const BY_HAND: usize = 8;

/// How many turns of the loop and the run are counted.
const TURNS: usize = 5;

/// The migrations of the last release: the first, two for each turn, and one more.
const RELEASES: usize = 2 * (TURNS + 1) + 2;

/// Empty where `DATABASE_URL` names no server. A tenth of the tenants of other groups.
pub(crate) fn group(most: usize) -> Group {
    let Ok(url) = env::var("DATABASE_URL") else {
        return Group::default();
    };
    let number = most / 10;
    let runtime = runtime();
    let schemas = Rc::new(runtime.block_on(Schemas::new(Database::new(&url, "_fleet"), number)));
    let group = Group::default()
        .with_longer_turns(10)
        .note(runtime.block_on(schemas.runs()));
    let plan = |name: &str, options: FleetOptions| {
        let schemas = Rc::clone(&schemas);
        let name = format!("{name}, {number} schemas that are up to date");
        // The database goes with the last row.
        let open = async move || (schemas.release(RELEASES).await, schemas);
        Row::prepared(name, open, async move |(fleet, _): &(Fleet<Postgres>, Rc<Schemas>)| {
            let plan = fleet.plan(&options, |_| {}).await.unwrap();
            assert!(plan.is_up_to_date());
        })
    };
    group
        .row(plan("plan by recorded versions", FleetOptions::new()))
        .row(plan("plan by ledgers", FleetOptions::new().with_verified_ledgers()))
        .against(
            [&*format!(
                "plan by recorded versions, {number} schemas that are up to date"
            )],
            None,
        )
}

/// Tenants with a schema each, which have run the first migration.
struct Schemas {
    database: Database,
    tenants: Vec<TenantRecord>,
}

impl Schemas {
    async fn new(database: Database, number: usize) -> Self {
        let tenant = |place| TenantRecord::new(format!("t{place:05}").parse().unwrap(), "schema".parse().unwrap());
        let tenants: Vec<TenantRecord> = (0..number).map(tenant).collect();
        let this = Self { database, tenants };
        let directory = PgDirectory::open(this.database.administrator()).await.unwrap();
        for tenant in &this.tenants {
            let tenant = NewTenant::new(tenant.id.clone(), tenant.strategy.clone()).with_status(TenantStatus::Active);
            directory.upsert(&tenant).await.unwrap();
        }
        let db = this.db(1).await;
        let summary = db
            .provision_all(this.tenants.clone(), NonZeroUsize::new(4).unwrap(), |_| ())
            .await;
        assert!(summary.failed.is_empty(), "{summary:?}");
        db.close().await;
        this
    }

    async fn db(&self, migrations: usize) -> TenantDb<Postgres> {
        let server = PgServer::new(self.database.application(), self.database.administrator());
        let schema = PgSchemaStrategy::builder(server).with_migrations(migrator(migrations));
        TenantDb::new(StrategyRegistry::new().with(schema.open().await.unwrap()).unwrap())
    }

    /// The release that has so many migrations.
    async fn release(&self, migrations: usize) -> Fleet<Postgres> {
        let directory = PgDirectory::open(self.database.administrator()).await.unwrap();
        Fleet::new(directory, &self.db(migrations).await).unwrap()
    }

    /// One migration of each tenant by bare loops, with and without a ledger, and by eight jobs in turns, and by one job at the end.
    /// The catalogs grow with each turn, so that a ratio is of neighbours; the first turn fills the server's caches, and is not
    /// counted.
    async fn runs(&self) -> String {
        self.make_beside().await;
        let mut turns = Vec::new();
        for turn in 0..=TURNS {
            let (one, next) = (2 * turn + 2, 2 * turn + 3);
            let with_ledger = self.by_migrators(one).await;
            self.by_migrators(next).await;
            let by_hand = self.in_loops(Loop::Alone(NEW)).await;
            self.in_loops(Loop::Alone(OLD)).await;
            let eight = self.run(one, BY_HAND).await;
            self.run(next, BY_HAND).await;
            turns.push(Turn {
                eight,
                by_hand,
                with_ledger,
            });
        }
        let one = self.run(RELEASES, 1).await;
        let counted = turns.split_off(1);
        let median = |of: fn(&Turn) -> Duration| sorted(counted.iter().map(|turn| of(turn).as_secs_f64()))[TURNS / 2];
        let ratios = |of: fn(&Turn) -> Duration| {
            let ratios = sorted(counted.iter().map(|turn| ratio(turn.eight, of(turn))));
            format!(
                "{:.2} × ({:.2} to {:.2})",
                ratios[TURNS / 2],
                ratios[0],
                ratios[TURNS - 1]
            )
        };
        let (eight, by_hand, with_ledger) = (
            median(|turn| turn.eight),
            median(|turn| turn.by_hand),
            median(|turn| turn.with_ledger),
        );
        let one = one.as_secs_f64();
        format!(
            "One migration of each of {} schemas: {one:.2} s by one job, {eight:.2} s by {BY_HAND}, which is {:.1} × as fast. By loops on \
            {BY_HAND} connections, in the median of {TURNS} turns: sqlx's migrator, {with_ledger:.2} s, of which the run takes {}; the \
            SQL alone, without a ledger, {by_hand:.2} s, of which the run takes {}.",
            self.tenants.len(),
            one / eight,
            ratios(|turn| turn.with_ledger),
            ratios(|turn| turn.by_hand),
        )
    }

    async fn run(&self, migrations: usize, jobs: usize) -> Duration {
        let fleet = self.release(migrations).await;
        let options = FleetOptions::new().with_jobs(NonZeroUsize::new(jobs).unwrap());
        let begun = Instant::now();
        let report = fleet.run(&options, &Stop::new(), |_| {}).await.unwrap();
        let elapsed = begun.elapsed();
        assert!(report.is_complete(), "{report:?}");
        elapsed
    }

    /// Schemas beside the tenants', for sqlx's own migrator, which have run the first migration.
    async fn make_beside(&self) {
        self.in_loops(Loop::Make).await;
        self.by_migrators(1).await;
    }

    async fn by_migrators(&self, migrations: usize) -> Duration {
        let mut migrator = migrator(migrations);
        // Its lock is of the whole database: the loops would wait for each other.
        migrator.set_locking(false);
        self.in_loops(Loop::Migrator(migrator.into())).await
    }

    async fn in_loops(&self, each: Loop) -> Duration {
        let begun = Instant::now();
        let mut loops = JoinSet::new();
        for tenants in self.tenants.chunks(self.tenants.len().div_ceil(BY_HAND)) {
            let (connect, tenants, each) = (self.database.administrator(), tenants.to_vec(), each.clone());
            loops.spawn(async move {
                let mut connection: PgConnection = connect.connect().await.unwrap();
                for tenant in tenants {
                    each.run(&mut connection, &tenant).await;
                }
                connection.close().await.unwrap();
            });
        }
        loops.join_all().await;
        begun.elapsed()
    }
}

/// What a loop by hand does for a tenant.
#[derive(Clone)]
enum Loop {
    /// The SQL alone: nothing is written down of what has run.
    Alone(&'static str),
    /// Makes a schema beside the tenant's.
    Make,
    /// What a service does there that migrates its schemas by itself: with a ledger in each.
    Migrator(Arc<Migrator>),
}

impl Loop {
    async fn run(&self, connection: &mut PgConnection, tenant: &TenantRecord) {
        let id = &tenant.id;
        let sql = match self {
            Self::Alone(sql) => format!("begin; set local search_path = tenant_{id}; {sql}; commit"),
            Self::Make => format!("create schema beside_{id}"),
            Self::Migrator(_) => format!("set search_path = beside_{id}"),
        };
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut *connection)
            .await
            .unwrap();
        if let Self::Migrator(migrator) = self {
            migrator.run_direct(None, connection, false).await.unwrap();
        }
    }
}

/// How long each took of the same migration, one after the other.
struct Turn {
    eight: Duration,
    by_hand: Duration,
    with_ledger: Duration,
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// The migrations of a release.
fn migrator(migrations: usize) -> Migrator {
    let migration = |(place, sql): (usize, &'static str)| {
        let version = i64::try_from(place).unwrap() + 1;
        Migration::new(
            version,
            "bench".into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    let all = std::iter::once(OWN)
        .chain([NEW, OLD].into_iter().cycle())
        .take(migrations)
        .enumerate()
        .map(migration);
    Migrator::with_migrations(all.collect())
}
