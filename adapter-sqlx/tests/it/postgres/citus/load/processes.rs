//! Services that start at the same time: processes, which share nothing but the cluster.

use std::env;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::{PgRowTables, PgSchemaStrategy, PgServer, StrategyRegistry, TenantDb};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::postgres::citus::cluster::TestCluster;
use crate::postgres::citus::row::{declare, declared, options_for};
use crate::postgres::support::schema_server::{self, provision_with_note};
use crate::postgres::support::server::{bodies_of, migrations, seed};

const PROCESSES: usize = 6;

/// Where a process connects to as the application and as the administrator, and which tenant it writes for.
const VARIABLES: [&str; 3] = [
    "TENANCY_CITUS_PROCESS_APPLICATION",
    "TENANCY_CITUS_PROCESS_ADMINISTRATOR",
    "TENANCY_CITUS_PROCESS_TENANT",
];

const READY: &str = "the process is ready to open";

/// On an empty database: each migrates, writes policies and distributes, or finds that another has.
#[tokio::test]
async fn six_processes_open_at_once() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut processes = Vec::new();
    for number in 0..PROCESSES {
        processes.push(Process::start(&cluster, &format!("p{number}")));
    }
    for process in &mut processes {
        process.wait_until_ready().await;
    }
    for process in &mut processes {
        process.input.write_all(b"open\n").await.unwrap();
    }
    for process in processes {
        process.ends_well().await;
    }
    let report = declared(&cluster).verify(&mut cluster.connect().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
    let notes = "select string_agg(tenant_id || ' ' || body, ',' order by tenant_id) from notes";
    let notes: String = sqlx::query_scalar(notes)
        .fetch_one(&mut cluster.connect().await)
        .await
        .unwrap();
    let expected: Vec<String> = (0..PROCESSES).map(|number| format!("p{number} of p{number}")).collect();
    assert_eq!(notes, expected.join(","));
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// The test below, in this binary.
    fn start(cluster: &TestCluster, tenant: &str) -> Self {
        let url = |options: PgConnectOptions| options.to_url_lossy().to_string();
        let values = [
            url(cluster.application()),
            url(cluster.administrator()),
            tenant.to_owned(),
        ];
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("postgres::citus::load::processes::one_process_opens_and_serves")
            .envs(VARIABLES.into_iter().zip(values))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let output = BufReader::new(output);
        Self { child, input, output }
    }

    async fn wait_until_ready(&mut self) {
        let mut line = String::new();
        while !line.contains(READY) {
            line.clear();
            let read = self.output.read_line(&mut line);
            let read = tokio::time::timeout(Duration::from_secs(60), read).await;
            assert_ne!(read.unwrap().unwrap(), 0, "the process ended before it was ready");
        }
    }

    async fn ends_well(mut self) {
        let mut output = String::new();
        let ended = async {
            self.output.read_to_string(&mut output).await.unwrap();
            self.child.wait().await.unwrap()
        };
        let ended = tokio::time::timeout(Duration::from_secs(120), ended).await;
        assert!(ended.unwrap().success(), "{output}");
        assert!(output.contains("1 passed"), "{output}");
    }
}

/// What one of the processes does.
#[tokio::test]
#[ignore = "a process that six_processes_open_at_once starts"]
async fn one_process_opens_and_serves() {
    let [application, administrator, tenant] = VARIABLES.map(|name| env::var(name).unwrap());
    let [application, administrator] =
        [application, administrator].map(|url| PgConnectOptions::from_str(&url).unwrap());
    let tables = PgRowTables::new(application.get_username(), administrator.get_username()).unwrap();
    let server = PgServer::new(application, administrator);
    println!("{READY}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    assert_eq!(line, "open\n");
    let by_row = options_for(server.clone(), declare(tables.with_citus()))
        .open()
        .await
        .unwrap();
    let by_schema = PgSchemaStrategy::builder(server)
        .with_migrations(migrations(&[schema_server::NOTES]))
        .with_citus();
    let by_schema = by_schema.open().await.unwrap();
    let registry = StrategyRegistry::new().with(by_row).unwrap().with(by_schema).unwrap();
    let db = TenantDb::new(registry);
    seed(&db, &[&tenant]).await;
    provision_with_note(&db, &tenant).await;
    let own = [format!("of {tenant}")];
    assert_eq!(bodies_of(&db, &tenant).await, own);
    assert_eq!(schema_server::notes_of(&db, &tenant).await, own);
    db.close().await;
}
