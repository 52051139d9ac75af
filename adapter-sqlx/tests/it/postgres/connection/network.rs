//! Connections that do not answer, since a query still runs or the network swallows all that is sent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sqlx::Postgres;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tenancy_sqlx::{PgRowStrategy, PgServer, PgTenantTable, PoolSettings, StrategyRegistry, TenantDb};

use crate::polling::at_last;
use crate::postgres::connection::foreign_errors::Logged;
use crate::postgres::support::server::{NOTES, TestDatabase, bodies, bodies_of, migrations, seed, tenant};

/// A way to the server that can lose all connections of before, without a word to either end.
struct Network {
    port: u16,
    /// Connections that were made before this one are lost.
    lost_before: Arc<AtomicU64>,
    made: Arc<AtomicU64>,
}

impl Network {
    fn to(server: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let this = Self {
            port: listener.local_addr().unwrap().port(),
            lost_before: Arc::default(),
            made: Arc::default(),
        };
        let server = (server.get_host().to_owned(), server.get_port());
        let (lost, made) = (Arc::clone(&this.lost_before), Arc::clone(&this.made));
        // It ends with the process, and each connection with its client.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let number = made.fetch_add(1, Ordering::SeqCst);
                for (from, to) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server, client),
                ] {
                    let lost = Arc::clone(&lost);
                    thread::spawn(move || carry(from, to, || number < lost.load(Ordering::SeqCst)));
                }
            }
        });
        this
    }

    fn of(&self, options: PgConnectOptions) -> PgConnectOptions {
        options.host("127.0.0.1").port(self.port).ssl_mode(PgSslMode::Disable)
    }

    fn lose_all(&self) {
        self.lost_before
            .store(self.made.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_lost: impl Fn() -> bool) {
    let mut bytes = [0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if !is_lost() && to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    if !is_lost() {
        let _ = to.shutdown(Shutdown::Both);
    }
}

async fn open(database: &TestDatabase, network: &Network, max: usize, timeout: Duration) -> TenantDb<Postgres> {
    let schema = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let row = PgRowStrategy::builder(
        PgServer::new(network.of(database.application()), database.administrator()),
        schema,
    )
    .with_migrations(migrations(&[NOTES]))
    .with_pool(
        PoolSettings::new()
            .with_max_connections(max)
            .with_acquire_timeout(timeout),
    );
    TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap())
}

/// Neither a connection that was about to be used again, nor one on its way back, nor one that a transaction has, is
/// waited for without an end: its place in the pool comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_network_swallows_is_given_up() {
    let database = TestDatabase::new().await;
    let network = Network::to(&database.administrator());
    seed(&open(&database, &network, 1, Duration::from_secs(60)).await, &["acme"]).await;
    let db = open(&database, &network, 3, Duration::from_secs(1)).await;
    let writes = at_last(|| async { db.begin(&tenant("acme")).await }).await;
    let reads = at_last(|| async { db.begin_read(&tenant("acme")).await }).await;
    at_last(|| async { db.begin(&tenant("acme")).await?.commit().await }).await;
    network.lose_all();
    drop((writes, reads));
    let started = Instant::now();
    let acme = tenant("acme");
    // All places at a time.
    loop {
        let all = tokio::join!(db.begin_read(&acme), db.begin_read(&acme), db.begin_read(&acme));
        if let (Ok(_), Ok(_), Ok(_)) = all {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(120), "a place is lost");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut tx = at_last(|| async { db.begin_read(&tenant("acme")).await }).await;
    assert_eq!(bodies(&mut tx).await, ["of acme"]);
}

/// The queries of dropped futures run on. Nobody who begins a transaction tries their connections.
#[tokio::test]
async fn nobody_waits_for_the_queries_of_dropped_futures() {
    let database = TestDatabase::new().await;
    let row = database.row().with_pool(
        PoolSettings::new()
            .with_max_connections(20)
            .with_acquire_timeout(Duration::from_secs(60)),
    );
    let db = TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap());
    seed(&db, &["acme", "globex"]).await;
    let mut txs = Vec::new();
    for _ in 0..15 {
        txs.push(db.begin_read(&tenant("acme")).await.unwrap());
    }
    let logged = Logged::default();
    let _logging = tracing::subscriber::set_default(logged.clone());
    for mut tx in txs {
        let sleep = sqlx::query("select pg_sleep(30)").execute(&mut *tx);
        assert!(tokio::time::timeout(Duration::from_millis(10), sleep).await.is_err());
    }
    for _ in 0..5 {
        assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
    }
    assert!(!logged.lines_with("notes").is_empty(), "nothing was logged");
    for told in ["does not answer", "is replaced"] {
        assert_eq!(logged.lines_with(told), [""; 0]);
    }
    let sql = "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
        where usename = $1 and query like 'select pg_sleep%') as ended";
    let ended: i64 = sqlx::query_scalar(sql)
        .bind(database.application_role())
        // Ends sessions of another role.
        .fetch_one(&mut database.superuser().await)
        .await
        .unwrap();
    assert_eq!(ended, 15);
}
