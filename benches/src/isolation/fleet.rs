//! The migrations of all tenants: what a plan costs, and a run beside the same SQL by hand.

use std::env;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::rc::Rc;
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
        let schema = PgSchemaStrategy::builder(server).with_migrations(Migrator::with_migrations(all.collect()));
        TenantDb::new(StrategyRegistry::new().with(schema.open().await.unwrap()).unwrap())
    }

    /// The release that has so many migrations.
    async fn release(&self, migrations: usize) -> Fleet<Postgres> {
        let directory = PgDirectory::open(self.database.administrator()).await.unwrap();
        Fleet::new(directory, &self.db(migrations).await).unwrap()
    }

    /// One migration of each tenant by a bare loop and by eight jobs in turns, and by one job at the end. The catalogs grow with
    /// each turn, so that a ratio is of neighbours; the first turn fills the server's caches, and is not counted.
    async fn runs(&self) -> String {
        let mut turns = Vec::new();
        for turn in 0..=TURNS {
            let by_hand = self.by_hand(NEW).await;
            self.by_hand(OLD).await;
            let eight = self.run(2 * turn + 2, BY_HAND).await;
            self.run(2 * turn + 3, BY_HAND).await;
            turns.push((eight, by_hand));
        }
        let one = self.run(RELEASES, 1).await;
        let ratio = |(one, other): (Duration, Duration)| one.as_secs_f64() / other.as_secs_f64();
        let mut counted = turns.split_off(1);
        counted.sort_by(|one, other| ratio(*one).total_cmp(&ratio(*other)));
        let (least, most) = (ratio(counted[0]), ratio(counted[TURNS - 1]));
        let median = counted[TURNS / 2];
        let (eight, by_hand) = median;
        let mut note = format!("One migration of each of {} schemas: ", self.tenants.len());
        write!(
            note,
            "{:.2} s by one job, {:.2} s by {BY_HAND}, which is {:.1} × as fast; the same SQL by a bare loop on {BY_HAND} \
            connections takes {:.2} s: the run takes {:.2} × as long ({least:.2} to {most:.2} in {TURNS} turns).",
            one.as_secs_f64(),
            eight.as_secs_f64(),
            ratio((one, eight)),
            by_hand.as_secs_f64(),
            ratio(median),
        )
        .unwrap();
        note
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

    async fn by_hand(&self, sql: &'static str) -> Duration {
        let begun = Instant::now();
        let mut loops = JoinSet::new();
        for tenants in self.tenants.chunks(self.tenants.len().div_ceil(BY_HAND)) {
            let (connect, tenants) = (self.database.administrator(), tenants.to_vec());
            loops.spawn(async move {
                let mut connection: PgConnection = connect.connect().await.unwrap();
                for tenant in tenants {
                    let one = format!("begin; set local search_path = tenant_{}; {sql}; commit", tenant.id);
                    sqlx::raw_sql(AssertSqlSafe(one))
                        .execute(&mut connection)
                        .await
                        .unwrap();
                }
                connection.close().await.unwrap();
            });
        }
        loops.join_all().await;
        begun.elapsed()
    }
}
