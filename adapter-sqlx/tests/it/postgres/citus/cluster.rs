//! A database on every node of a Citus cluster for each test, with its two roles, gone when the test ends.

use std::env;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};
use tenancy_sqlx::{PgRowTables, PgServer};
use tokio::sync::{Mutex, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::PASSWORD;

/// A database that nobody else uses, on the coordinator and on every worker of the cluster that `TENANCY_CITUS_URL` names.
/// Its owner administers it, and is no superuser.
pub(crate) struct TestCluster {
    /// As the superuser, the coordinator first.
    nodes: Vec<PgConnectOptions>,
    name: String,
    owner: String,
    application: String,
    _share: Share,
}

/// Who kills a worker is alone on the cluster.
enum Share {
    Beside { _guard: OwnedRwLockReadGuard<()> },
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

static SHARED: LazyLock<Arc<RwLock<()>>> = LazyLock::new(Arc::default);

impl TestCluster {
    /// Nothing, and a word, where no cluster is named.
    pub(crate) async fn new() -> Option<Self> {
        let guard = SHARED.clone().read_owned().await;
        Self::with(Share::Beside { _guard: guard }).await
    }

    /// For a test that no other may run beside.
    pub(crate) async fn alone() -> Option<Self> {
        let guard = SHARED.clone().write_owned().await;
        Self::with(Share::Alone { _guard: guard }).await
    }

    async fn with(share: Share) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Two who make roles at the same time make one of them fail.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
        let Ok(url) = env::var("TENANCY_CITUS_URL") else {
            println!("NOT TESTED on Citus: TENANCY_CITUS_URL names no cluster");
            return None;
        };
        let _one = ONE_AT_A_TIME.lock().await;
        let coordinator = PgConnectOptions::from_str(&url).unwrap();
        let name = format!(
            "tenancy_citus_{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let mut connection = coordinator.clone().connect().await.unwrap();
        let workers = "select nodename, nodeport from pg_dist_node where groupid <> 0 and isactive order by nodeid";
        let workers = sqlx::query(workers).fetch_all(&mut connection).await.unwrap();
        let mut nodes = vec![coordinator.clone()];
        for worker in &workers {
            let (host, port): (String, i32) = (worker.get(0), worker.get(1));
            nodes.push(coordinator.clone().host(&host).port(u16::try_from(port).unwrap()));
        }
        let this = Self {
            nodes,
            owner: format!("{name}_owner"),
            application: format!("{name}_app"),
            name,
            _share: share,
        };
        for node in &this.nodes {
            let mut connection = node.clone().connect().await.unwrap();
            on_this_node_alone(&mut connection).await;
            run(&mut connection, format!("create database {}", this.name)).await;
            connection.close().await.unwrap();
            // Only a superuser may make the extension, which each node needs before it is added.
            run(
                &mut node.clone().database(&this.name).connect().await.unwrap(),
                "create extension citus",
            )
            .await;
        }
        let mut superuser = this.superuser().await;
        let (host, port) = (coordinator.get_host().to_owned(), coordinator.get_port());
        run(
            &mut superuser,
            format!("select citus_set_coordinator_host('{host}', {port})"),
        )
        .await;
        for worker in this.nodes.iter().skip(1) {
            let (host, port) = (worker.get_host().to_owned(), worker.get_port());
            run(&mut superuser, format!("select citus_add_node('{host}', {port})")).await;
        }
        for role in [&this.owner, &this.application] {
            // In this database: one that Citus does not know as its own there, only a superuser can use.
            let role = format!("create role {role} login nosuperuser nobypassrls password '{PASSWORD}'");
            run(&mut superuser, role).await;
        }
        run(
            &mut superuser,
            format!("alter database {} owner to {}", this.name, this.owner),
        )
        .await;
        Some(this)
    }

    /// The database's owner, who is no superuser, on the coordinator.
    pub(crate) fn administrator(&self) -> PgConnectOptions {
        self.on(0).username(&self.owner).password(PASSWORD)
    }

    pub(crate) fn application(&self) -> PgConnectOptions {
        self.on(0).username(&self.application).password(PASSWORD)
    }

    pub(crate) fn server(&self) -> PgServer {
        PgServer::new(self.application(), self.administrator())
    }

    /// The application through PgBouncer in front of the coordinator. Nothing, and a word, where no such port is named.
    pub(crate) fn application_by_pooler(&self) -> Option<PgConnectOptions> {
        let Ok(port) = env::var("TENANCY_CITUS_PGBOUNCER_PORT") else {
            println!("NOT TESTED on Citus through PgBouncer: TENANCY_CITUS_PGBOUNCER_PORT names none");
            return None;
        };
        let application = self.application().port(port.parse().unwrap());
        Some(application.statement_cache_capacity(0).extra_float_digits(None))
    }

    pub(crate) fn application_role(&self) -> &str {
        &self.application
    }

    pub(crate) fn administrator_role(&self) -> &str {
        &self.owner
    }

    pub(crate) fn schema(&self) -> PgRowTables {
        PgRowTables::new(&self.application, &self.owner).unwrap().with_citus()
    }

    /// As the administrator, to the coordinator.
    pub(crate) async fn connect(&self) -> PgConnection {
        self.administrator().connect().await.unwrap()
    }

    /// As one who may do anything, to the coordinator. A test that needs it says what for.
    pub(crate) async fn superuser(&self) -> PgConnection {
        self.on(0).connect().await.unwrap()
    }

    /// As the superuser, to a node: the coordinator is the first.
    pub(crate) fn on(&self, node: usize) -> PgConnectOptions {
        self.nodes[node].clone().database(&self.name)
    }

    pub(crate) const fn workers(&self) -> usize {
        self.nodes.len() - 1
    }
}

/// On a thread of its own: a test that panics cannot wait.
impl Drop for TestCluster {
    fn drop(&mut self) {
        let removed = std::thread::scope(|scope| {
            let removing = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(self.remove())
            });
            removing.join()
        });
        if !matches!(removed, Ok(Ok(()))) {
            eprintln!("the database {} and its roles are left behind: {removed:?}", self.name);
        }
    }
}

impl TestCluster {
    async fn remove(&self) -> Result<(), sqlx::Error> {
        let Self {
            name,
            owner,
            application,
            ..
        } = self;
        for node in &self.nodes {
            let mut connection = node.clone().connect().await?;
            on_this_node_alone(&mut connection).await;
            let database = format!("drop database if exists {name} with (force)");
            sqlx::raw_sql(AssertSqlSafe(database)).execute(&mut connection).await?;
        }
        let mut connection = self.nodes[0].clone().connect().await?;
        let roles = format!("drop role if exists {application}, {owner}");
        sqlx::raw_sql(AssertSqlSafe(roles)).execute(&mut connection).await?;
        connection.close().await
    }
}

/// From 13.1 on the coordinator may make databases on the workers, too. Before, it has no such setting.
async fn on_this_node_alone(connection: &mut PgConnection) {
    let off = "set citus.enable_create_database_propagation = off";
    let _ = sqlx::raw_sql(off).execute(connection).await;
}
