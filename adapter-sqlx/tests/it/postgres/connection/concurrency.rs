//! Many tenants, all strategies, several workers, dropped futures and killed backends: at the end every tenant has
//! what was committed for it, and nobody has ever seen anything else.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::Postgres;
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, StrategyName, Subject};
use tenancy_sqlx::{PgRowStrategy, PgTenantTable, PoolSettings, StrategyRegistry, TenantDb, TransactionError};

use crate::postgres::connection::cancel::poll_at_most;
use crate::postgres::support::server::{NOTES, TestDatabase, migrations};
use crate::postgres::support::{database_server, schema_server};

const STRATEGIES: [(&str, usize); 3] = [("row", 50), ("schema", 50), ("database", 50)];
const WORKERS: u64 = 8;
const OPERATIONS: usize = 250;
/// Of the application, over all strategies.
const MAX_CONNECTIONS: i64 = 4 + 4 + 6;

/// SplitMix64: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

struct World {
    db: TenantDb<Postgres>,
    tenants: Vec<Admitted>,
    /// Markers whose commit was confirmed, and those whose commit nobody heard of.
    committed: Mutex<HashMap<String, BTreeSet<String>>>,
    unheard: Mutex<BTreeSet<String>>,
    number: AtomicU64,
}

impl World {
    async fn open(database: &TestDatabase) -> Self {
        let schema = database.schema().with_table(PgTenantTable::new("notes").unwrap());
        let row = PgRowStrategy::builder(database.server(), schema)
            .with_migrations(migrations(&[NOTES]))
            .with_pool(
                PoolSettings::new()
                    .with_max_connections(4)
                    .with_acquire_timeout(Duration::from_secs(60)),
            );
        let schema = schema_server::options(database).with_pool(
            PoolSettings::new()
                .with_max_connections(4)
                .with_acquire_timeout(Duration::from_secs(60)),
        );
        let own = database_server::options(database)
            .with_max_connections_per_tenant(2)
            .with_pool(
                PoolSettings::new()
                    .with_max_connections(6)
                    .with_acquire_timeout(Duration::from_secs(60)),
            );
        let registry = StrategyRegistry::new()
            .with(row.open().await.unwrap())
            .unwrap()
            .with(schema.open().await.unwrap())
            .unwrap()
            .with(own.open().await.unwrap())
            .unwrap();
        let tenants = STRATEGIES.iter().flat_map(|(strategy, count)| {
            (0..*count).map(move |number| {
                let id = format!("{}{number}", strategy.chars().next().unwrap());
                let record = TenantRecord::new(id.parse().unwrap(), StrategyName::from_static(strategy));
                Admitted::dangerously_assume(record, ResolverName::from_static("test"), Subject::from_static("alice"))
            })
        });
        let world = Self {
            db: TenantDb::new(registry),
            tenants: tenants.collect(),
            committed: Mutex::default(),
            unheard: Mutex::default(),
            number: AtomicU64::new(0),
        };
        let records = world.tenants.iter().map(|tenant| tenant.tenant().clone());
        let summary = world.db.provision_all(records, 4.try_into().unwrap(), |_| {}).await;
        assert!(summary.failed.is_empty(), "{:?}", summary.failed);
        world
    }

    /// Everything that is seen is the tenant's own.
    async fn read(&self, tenant: &Admitted) -> Result<BTreeSet<String>, TransactionError> {
        let mut tx = self.db.begin_read(tenant).await?;
        let names = sqlx::query_scalar("select name from notes").fetch_all(&mut *tx).await;
        let names: Vec<String> = names.map_err(TransactionError::Commit)?;
        let own = format!("{}/", tenant.id());
        assert!(names.iter().all(|name| name.starts_with(&own)), "{own} sees {names:?}");
        Ok(names.into_iter().collect())
    }

    async fn write(&self, tenant: &Admitted) -> Result<(), TransactionError> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let marker = format!("{}/{number}", tenant.id());
        let mut tx = self.db.begin(tenant).await?;
        let insert = sqlx::query("insert into notes (name) values ($1)").bind(&marker);
        insert.execute(&mut *tx).await.map_err(TransactionError::Commit)?;
        // From here on it may be committed without anybody hearing of it.
        self.unheard.lock().unwrap().insert(marker.clone());
        tx.commit().await?;
        self.unheard.lock().unwrap().remove(&marker);
        let mut committed = self.committed.lock().unwrap();
        committed.entry(tenant.id().to_string()).or_default().insert(marker);
        Ok(())
    }

    async fn work(&self, mut random: Random) {
        for _ in 0..OPERATIONS {
            let tenant = &self.tenants[random.below(self.tenants.len())];
            let polls = if random.below(3) == 0 {
                random.below(12)
            } else {
                100_000
            };
            let operation = async {
                if random.below(2) == 0 {
                    self.write(tenant).await
                } else {
                    self.read(tenant).await.map(drop)
                }
            };
            // What a killed backend was asked fails; nothing else may.
            if let Some(Err(error)) = poll_at_most(u32::try_from(polls).unwrap(), operation).await {
                assert!(is_killed(&error), "{error:?}");
            }
        }
    }
}

fn is_killed(error: &(dyn std::error::Error + 'static)) -> bool {
    let told = format!("{error:?}");
    ["57P01", "Io(", "BeginFailed", "InvalidSavePoint"]
        .iter()
        .any(|sign| told.contains(sign))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_a_time_stay_apart() {
    let database = TestDatabase::new().await;
    let world = Arc::new(World::open(&database).await);
    let seed = 0x7e4a_0c5d_u64;
    println!("seed {seed:#x}");
    let is_over = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch(
        // Ends sessions of another role.
        database.superuser().await,
        database.application_role().to_owned(),
        Arc::clone(&is_over),
    ));
    let workers = (0..WORKERS).map(|worker| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.work(Random(seed + worker)).await })
    });
    for worker in join_all(workers).await {
        worker.unwrap();
    }
    is_over.store(true, Ordering::SeqCst);
    let (most, killed) = watcher.await.unwrap();
    assert!(most <= MAX_CONNECTIONS, "{most} connections");
    assert!(killed > 0, "nothing was killed");

    let mut seen_markers = 0;
    for tenant in &world.tenants {
        let mut seen = world.read(tenant).await;
        // A backend that was killed at the end is found dead once.
        for _ in 0..5 {
            if seen.is_err() {
                seen = world.read(tenant).await;
            }
        }
        let seen = seen.unwrap();
        let committed = world.committed.lock().unwrap();
        let committed = committed.get(tenant.id().as_str()).cloned().unwrap_or_default();
        assert!(
            seen.is_superset(&committed),
            "{} lost {:?}",
            tenant.id(),
            committed.difference(&seen)
        );
        let unheard = world.unheard.lock().unwrap();
        let strange: Vec<_> = seen
            .difference(&committed)
            .filter(|marker| !unheard.contains(*marker))
            .collect();
        assert!(
            strange.is_empty(),
            "{} has {strange:?}, which nobody committed",
            tenant.id()
        );
        seen_markers += seen.len();
    }
    assert!(seen_markers > 100, "{seen_markers}");
    world.db.close().await;
}

/// Counts the application's connections, and kills one now and then. The server counts a connection that is
/// just being closed, too: so it is asked again before it is believed.
async fn watch(mut administrator: sqlx::PgConnection, role: String, is_over: Arc<AtomicBool>) -> (i64, i64) {
    let (mut most, mut killed, mut turn) = (0, 0, 0_u32);
    while !is_over.load(Ordering::SeqCst) {
        let mut least = i64::MAX;
        for _ in 0..10 {
            let sql = "select count(*) from pg_stat_activity where usename = $1";
            let count: i64 = sqlx::query_scalar(sql)
                .bind(&role)
                .fetch_one(&mut administrator)
                .await
                .unwrap();
            least = least.min(count);
            if least <= MAX_CONNECTIONS {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        most = most.max(least);
        turn += 1;
        if turn % 8 == 0 {
            let sql = "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
                where usename = $1 order by random() limit 1) as killed";
            let count: i64 = sqlx::query_scalar(sql)
                .bind(&role)
                .fetch_one(&mut administrator)
                .await
                .unwrap();
            killed += count;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (most, killed)
}
