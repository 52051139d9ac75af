//! Runners that are killed or paused at any point: each migration runs once for each tenant all the same.

use std::env;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tenancy_sqlx::fleet::{Fleet, FleetOptions, FleetProgress, ResumeOptions, Stop};
use tenancy_sqlx::{PgDirectory, PgSchemaStrategy, PgServer, StrategyRegistry, TenantDb};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::support::{STEPS, Schemas, execute, steps};

const VARIABLES: [&str; 2] = ["TENANCY_TEST_FLEET_APPLICATION", "TENANCY_TEST_FLEET_ADMINISTRATOR"];

/// How long anything may take here before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A runner in a process of its own, which says what it does, line by line.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(schemas: &Schemas) -> Self {
        let url = |options: PgConnectOptions| options.to_url_lossy().to_string();
        let values = [
            url(schemas.database.application()),
            url(schemas.database.administrator()),
        ];
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "fleet::kills::one_process_runs"])
            .envs(VARIABLES.into_iter().zip(values))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads until it has said this so many times. `false` if it ended before.
    async fn has_said(&mut self, what: &str, mut times: usize) -> bool {
        while times > 0 {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line())
                .await
                .unwrap()
                .unwrap();
            match line {
                Some(line) if line.starts_with(what) => times -= 1,
                Some(_) => {}
                None => return false,
            }
        }
        true
    }

    /// Without a chance to do anything about it.
    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([name, &id]).status().await.unwrap();
        assert!(sent.success());
    }

    async fn ends(mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(line) = tokio::time::timeout(PATIENCE, self.lines.next_line())
            .await
            .unwrap()
            .unwrap()
        {
            said.push(line);
        }
        assert!(self.child.wait().await.unwrap().success(), "{said:?}");
        said
    }
}

/// What one of the processes does.
#[tokio::test]
#[ignore = "a process that the other tests of this file start"]
async fn one_process_runs() {
    let [application, administrator] =
        VARIABLES.map(|name| PgConnectOptions::from_str(&env::var(name).unwrap()).unwrap());
    let directory = PgDirectory::open(administrator.clone()).await.unwrap();
    let server = PgServer::new(application, administrator);
    let schema = PgSchemaStrategy::builder(server)
        .with_migrations(steps(STEPS.len()))
        .open()
        .await
        .unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(schema).unwrap());
    let fleet = Fleet::new(directory, &db).unwrap();
    let (options, stop) = (options(), Stop::new());
    let report = fleet.join(&options, &stop, |progress| match progress {
        FleetProgress::Began(_) => println!("\nbegan"),
        FleetProgress::Started(item) => println!("\nstarted {}", item.tenant.unwrap()),
        FleetProgress::Done(item, _) => println!("\ndone {}", item.tenant.unwrap()),
        FleetProgress::Failed { item, error, .. } => println!("\nfailed {} {error:?}", item.tenant.unwrap()),
        _ => {}
    });
    let report = report.await.unwrap();
    println!("\nreport {} {:?}", report.is_complete(), report.failures);
}

fn options() -> FleetOptions {
    FleetOptions::new()
        .with_jobs(2.try_into().unwrap())
        .with_lease(Duration::from_secs(2))
        .with_lock_timeout(Duration::from_millis(500), 60.try_into().unwrap())
        .with_max_failures(1_000.try_into().unwrap())
}

/// The numbers of a `variable`, or those that fit into CI.
fn number(variable: &str, otherwise: usize) -> usize {
    env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// `TENANCY_TEST_FLEET_TENANTS` and `TENANCY_TEST_FLEET_KILLS` make it as large as it should be before a release: 1,000 and 20.
#[tokio::test]
async fn a_runner_that_is_killed_at_random_points_is_resumed() {
    let tenants = number("TENANCY_TEST_FLEET_TENANTS", 100);
    let kills = number("TENANCY_TEST_FLEET_KILLS", 5);
    let schemas = Schemas::new(tenants, 1).await;
    let mut killed = 0;
    for _ in 0..kills {
        let mut process = Process::start(&schemas);
        // Some way on in the run, and at a moment that nobody has chosen.
        let done = fastrand(tenants / (kills + 1)) + 1;
        if !process.has_said("done", done).await {
            break;
        }
        tokio::time::sleep(Duration::from_micros(u64::try_from(fastrand(20_000)).unwrap())).await;
        process.kill().await;
        killed += 1;
    }
    let said = Process::start(&schemas).ends().await;
    assert!(
        said.iter().any(|line| line.starts_with("report true")),
        "{killed} killed: {said:?}"
    );
    schemas.each_has(&[1, 2, 3, 5]).await;
    // The one that runs in no transaction is there for each of them, whole.
    let sql = "select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid
        where c.relname = 'drafts_title' and i.indisvalid";
    let mut connection = schemas.connect().await;
    let built: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    assert_eq!(built, i64::try_from(tenants).unwrap());
    let sql = "select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid where not i.indisvalid";
    let broken: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    assert_eq!(broken, 0);
}

/// Less than `bound`, by the hasher that the standard library seeds.
fn fastrand(bound: usize) -> usize {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0_u8);
    usize::try_from(random % u64::try_from(bound.max(1)).unwrap()).unwrap()
}

/// It is stopped while it migrates a tenant, and another goes on when its lease is over; then it wakes.
#[tokio::test]
async fn a_runner_that_is_paused_past_its_lease_does_no_harm() {
    let schemas = Schemas::new(8, 2).await;
    let mut holder = schemas.connect().await;
    // The first tenants wait for it inside of their third migration.
    execute(
        &mut holder,
        "begin; lock table tenant_t000.drafts, tenant_t001.drafts in access share mode",
    )
    .await;
    let mut paused = Process::start(&schemas);
    assert!(paused.has_said("started", 2).await);
    paused.signal("-STOP").await;
    execute(&mut holder, "rollback").await;
    holder.close().await.unwrap();

    let fleet = schemas.fleet(STEPS.len()).await;
    let resumed = async {
        let options = ResumeOptions::new();
        fleet.resume(None, &options, &Stop::new(), |_| {}).await.unwrap()
    };
    // What the paused one holds locked may keep the other from two tenants, and no longer than until it wakes.
    let woken = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        paused.signal("-CONT").await;
    };
    let (report, ()) = tokio::join!(resumed, woken);
    let said = paused.ends().await;
    assert!(report.is_complete(), "{report:?}");
    assert!(said.iter().any(|line| line.starts_with("report true")), "{said:?}");
    schemas.each_has(&[1, 2, 3, 5]).await;
    let sql = "select count(*) from tenancy_run_items where state = 'done'";
    let done: i64 = sqlx::query_scalar(sql)
        .fetch_one(&mut schemas.connect().await)
        .await
        .unwrap();
    assert_eq!(done, 8);
}
