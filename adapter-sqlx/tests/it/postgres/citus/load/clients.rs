//! Clients of both strategies that read, write and are cancelled, and what they count.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::Postgres;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{
    ErrorKind, PgRowBuilder, PgSchemaBuilder, PoolSettings, StrategyRegistry, TenantDb, TenantTransaction,
    TransactionError,
};
use tokio::task::JoinSet;

use crate::postgres::support::schema_server::member;
use crate::postgres::support::server::tenant;

pub(super) const TENANTS: usize = 8;
const CLIENTS: usize = 8;
/// What each client does beside an event at least, and as long as that takes.
const STEPS: usize = 40;
/// How many rounds there are where this names no number.
const ROUNDS: (&str, usize) = ("TENANCY_CITUS_LOAD_ROUNDS", 5);

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("failed to begin or commit")]
    Transaction(#[from] TransactionError),
    #[error("failed to query")]
    Query(#[from] sqlx::Error),
}

/// One tenant under one strategy, and how many notes it has.
struct Client {
    admitted: Admitted,
    name: String,
    /// Committed for certain.
    at_least: AtomicU64,
    /// Cancelled, or not confirmed: there or not.
    maybe: AtomicU64,
}

#[derive(Default)]
struct Counts {
    reads: AtomicUsize,
    writes: AtomicUsize,
    cancelled: AtomicUsize,
    refused: AtomicUsize,
    foreign: AtomicUsize,
    short: AtomicUsize,
    unclassified: AtomicUsize,
}

pub(super) struct Load {
    db: TenantDb<Postgres>,
    clients: Vec<Client>,
    counts: Counts,
    names: AtomicU64,
}

fn add(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::SeqCst);
}

impl Load {
    pub(super) async fn open(by_row: PgRowBuilder, by_schema: PgSchemaBuilder) -> Self {
        let pool = PoolSettings::new()
            .with_max_connections(5)
            .with_acquire_timeout(Duration::from_secs(20));
        let by_row = by_row.with_pool(pool).open().await.unwrap();
        let by_schema = by_schema.with_pool(pool).open().await.unwrap();
        let registry = StrategyRegistry::new().with(by_row).unwrap().with(by_schema).unwrap();
        let db = TenantDb::new(registry);
        let mut clients = Vec::new();
        for number in 0..TENANTS {
            let name = format!("t{number}");
            for admitted in [tenant(&name), member(&name)] {
                db.provision(admitted.tenant()).await.unwrap();
                let name = format!("{name} by {}", admitted.tenant().strategy);
                let (at_least, maybe) = (AtomicU64::new(0), AtomicU64::new(0));
                clients.push(Client {
                    admitted,
                    name,
                    at_least,
                    maybe,
                });
            }
        }
        Self {
            db,
            clients,
            counts: Counts::default(),
            names: AtomicU64::new(0),
        }
    }

    pub(super) fn rounds() -> usize {
        let (name, rounds) = ROUNDS;
        env::var(name).map_or(rounds, |number| number.parse().unwrap())
    }

    /// All clients, while something happens.
    pub(super) async fn beside(self: Arc<Self>, round: usize, event: impl Future<Output = ()>) {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(self.clone().client(round * CLIENTS + number, is_over.clone()));
        }
        event.await;
        is_over.store(true, Ordering::SeqCst);
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
    }

    async fn client(self: Arc<Self>, seed: usize, is_over: Arc<AtomicBool>) {
        let mut random = seed.wrapping_mul(0x9E37_79B9).wrapping_add(12345);
        let mut steps = 0;
        while steps < STEPS || !is_over.load(Ordering::SeqCst) {
            steps += 1;
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let choice = random >> 33;
            let client = &self.clients[choice % self.clients.len()];
            match (choice / 31) % 4 {
                0 => {
                    self.cancelled(client, Duration::from_micros((choice % 6_000) as u64))
                        .await
                }
                1 => self.write(client).await,
                _ => self.read(client).await,
            }
        }
    }

    async fn insert(&self, client: &Client) -> Result<(), Failed> {
        let name = self.names.fetch_add(1, Ordering::SeqCst).to_string();
        let (name, body) = (&name, &client.name);
        let work = async |tx: &mut TenantTransaction<Postgres>| {
            let insert = sqlx::query("insert into notes (name, body) values ($1, $2)");
            insert.bind(name).bind(body).execute(&mut **tx).await?;
            Ok::<_, Failed>(())
        };
        self.db.run(&client.admitted, work).await
    }

    async fn write(&self, client: &Client) {
        match self.insert(client).await {
            Ok(()) => {
                client.at_least.fetch_add(1, Ordering::SeqCst);
                add(&self.counts.writes);
            }
            Err(error) => {
                client.maybe.fetch_add(1, Ordering::SeqCst);
                self.classify(&error);
            }
        }
    }

    /// The future is dropped wherever it is.
    async fn cancelled(&self, client: &Client, after: Duration) {
        client.maybe.fetch_add(1, Ordering::SeqCst);
        let _ = tokio::time::timeout(after, self.insert(client)).await;
        add(&self.counts.cancelled);
    }

    async fn read(&self, client: &Client) {
        let at_least = client.at_least.load(Ordering::SeqCst);
        let work = async |tx: &mut TenantTransaction<Postgres>| {
            let bodies: Vec<String> = sqlx::query_scalar("select body from notes")
                .fetch_all(&mut **tx)
                .await?;
            Ok::<_, Failed>(bodies)
        };
        match self.db.run_read(&client.admitted, work).await {
            Ok(bodies) => {
                add(&self.counts.reads);
                if bodies.iter().any(|body| *body != client.name) {
                    add(&self.counts.foreign);
                }
                if (bodies.len() as u64) < at_least {
                    add(&self.counts.short);
                }
            }
            Err(error) => self.classify(&error),
        }
    }

    fn classify(&self, error: &Failed) {
        add(&self.counts.refused);
        let kind = ErrorKind::of(error);
        if !(kind.is_retryable() || kind.is_unavailable()) {
            add(&self.counts.unclassified);
            println!("{kind:?}: {error:?}");
        }
    }

    /// Asserts what was promised, on the same pools.
    pub(super) async fn settle(&self) {
        for client in &self.clients {
            let mut attempts = 0;
            while self.insert(client).await.is_err() {
                attempts += 1;
                assert!(attempts < 50, "{} did not recover", client.name);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            client.at_least.fetch_add(1, Ordering::SeqCst);
            client.maybe.fetch_add(attempts, Ordering::SeqCst);
            self.read(client).await;
        }
        let mut all = 0;
        for client in &self.clients {
            let mut tx = self.db.begin_read(&client.admitted).await.unwrap();
            let count: i64 = sqlx::query_scalar("select count(*) from notes")
                .fetch_one(&mut *tx)
                .await
                .unwrap();
            let count = u64::try_from(count).unwrap();
            let at_least = client.at_least.load(Ordering::SeqCst);
            let at_most = at_least + client.maybe.load(Ordering::SeqCst);
            assert!(
                (at_least..=at_most).contains(&count),
                "{}: {at_least} {count} {at_most}",
                client.name
            );
            all += count;
        }
        let Counts {
            reads,
            writes,
            cancelled,
            refused,
            foreign,
            short,
            unclassified,
        } = &self.counts;
        println!(
            "on Citus: {reads:?} reads, {writes:?} writes, {cancelled:?} cancelled, {refused:?} refused; {all} notes of {} tenants",
            self.clients.len()
        );
        let broken = [foreign, short, unclassified].map(|count| count.load(Ordering::SeqCst));
        assert_eq!(broken, [0, 0, 0], "foreign, short, unclassified");
    }
}
