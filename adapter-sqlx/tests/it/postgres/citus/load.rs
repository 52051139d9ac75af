//! Both strategies under load, while shards move and split, a worker is killed and services start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::{ConnectOptions, Postgres};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{
    ErrorKind, PgSchemaStrategy, PoolSettings, StrategyRegistry, TenantDb, TenantTransaction, TransactionError,
};
use tokio::task::JoinSet;

use super::cluster::TestCluster;
use super::{row, schema};
use crate::postgres::support::schema_server::{member, run};
use crate::postgres::support::server::tenant;

const TENANTS: usize = 8;
const CLIENTS: usize = 8;
const ROUNDS: usize = 5;
/// What each client does between two events.
const STEPS: usize = 40;

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

struct Load {
    db: TenantDb<Postgres>,
    clients: Vec<Client>,
    counts: Counts,
    names: AtomicU64,
}

fn add(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::SeqCst);
}

impl Load {
    async fn open(cluster: &TestCluster) -> Self {
        let pool = PoolSettings::new()
            .with_max_connections(5)
            .with_acquire_timeout(Duration::from_secs(20));
        let by_row = row::options(cluster).with_pool(pool).open().await.unwrap();
        let by_schema: PgSchemaStrategy = schema::options(cluster).with_pool(pool).open().await.unwrap();
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

    async fn client(self: Arc<Self>, seed: usize, steps: usize) {
        let mut random = seed.wrapping_mul(0x9E37_79B9).wrapping_add(12345);
        for _ in 0..steps {
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
}

/// What a database goes through between two rounds.
async fn event(cluster: &TestCluster, number: usize) {
    // Moves are a superuser's.
    let mut superuser = cluster.superuser().await;
    match number {
        0 => {
            let moved = "select citus_move_shard_placement(s.shardid, n.nodename, n.nodeport, o.nodename, o.nodeport,
                    shard_transfer_mode => 'force_logical')
                from pg_dist_shard s join pg_dist_placement p using (shardid) join pg_dist_node n using (groupid)
                join pg_dist_node o on o.groupid <> n.groupid and o.groupid <> 0
                where s.logicalrelid = 'notes'::regclass order by s.shardid limit 1";
            run(&mut superuser, moved).await;
        }
        1 => {
            let alone =
                "select isolate_tenant_to_new_shard('notes', 't2', 'CASCADE', shard_transfer_mode => 'force_logical')";
            run(&mut superuser, alone).await;
            let moved =
                "select citus_schema_move('tenant_t3', o.nodename, o.nodeport, shard_transfer_mode => 'force_logical')
                from pg_dist_shard s join pg_dist_placement p using (shardid)
                join pg_dist_node o on o.groupid <> p.groupid and o.groupid <> 0
                where s.logicalrelid = 'tenant_t3.notes'::regclass";
            run(&mut superuser, moved).await;
        }
        2 => {
            // The server ends all sessions of a worker when one of its processes is killed, and recovers.
            let mut worker = cluster.on(1).connect().await.unwrap();
            let kill =
                "do $$ begin execute format('copy (select 1) to program %L', 'kill -9 ' || pg_backend_pid()); end $$";
            assert!(sqlx::raw_sql(kill).execute(&mut worker).await.is_err());
        }
        _ => {
            let mut opening = JoinSet::new();
            for _ in 0..6 {
                opening.spawn(row::options(cluster).open());
            }
            while let Some(opened) = opening.join_next().await {
                opened.unwrap().unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_foreign_or_short_while_the_cluster_changes() {
    let Some(cluster) = TestCluster::alone().await else {
        return;
    };
    let load = Arc::new(Load::open(&cluster).await);
    for round in 0..ROUNDS {
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(load.clone().client(round * CLIENTS + number, STEPS));
        }
        if round > 0 {
            event(&cluster, round - 1).await;
        }
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
    }
    // The same pools go on.
    for client in &load.clients {
        let mut attempts = 0;
        while load.insert(client).await.is_err() {
            attempts += 1;
            assert!(attempts < 50, "{} did not recover", client.name);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        client.at_least.fetch_add(1, Ordering::SeqCst);
        client.maybe.fetch_add(attempts, Ordering::SeqCst);
        load.read(client).await;
    }
    let mut all = 0;
    for client in &load.clients {
        let mut tx = load.db.begin_read(&client.admitted).await.unwrap();
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
    } = &load.counts;
    println!(
        "on Citus: {reads:?} reads, {writes:?} writes, {cancelled:?} cancelled, {refused:?} refused; {all} notes of {} tenants",
        load.clients.len()
    );
    let broken = [foreign, short, unclassified].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(broken, [0, 0, 0], "foreign, short, unclassified");
    let report = row::declared(&cluster)
        .verify(&mut cluster.connect().await)
        .await
        .unwrap();
    assert!(report.is_clean(), "{report}");
}
