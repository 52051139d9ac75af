//! Runners that are killed or paused at any point: each migration runs once for each tenant all the same.

use std::env;
use std::process::Stdio;
use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tenancy_sqlx::fleet::{Fleet, FleetOptions, FleetProgress, ResumeOptions, Stop};
use tenancy_sqlx::{PgDirectory, PgSchemaStrategy, PgServer, StrategyRegistry, TenantDb};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;

use super::support::{STEPS, Schemas, execute, steps};

const VARIABLES: [&str; 2] = ["TENANCY_TEST_FLEET_APPLICATION", "TENANCY_TEST_FLEET_ADMINISTRATOR"];

/// How long anything may take here before the test fails.
const LIMIT: Duration = Duration::from_secs(60);

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
            let line = tokio::time::timeout(LIMIT, self.lines.next_line())
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

    async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([name, &id]).status().await.unwrap();
        assert!(sent.success());
    }

    async fn ends(mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(line) = tokio::time::timeout(LIMIT, self.lines.next_line())
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

/// What the processes of one test say, in the order in which it is heard: which of them, and `None` at its end.
type Heard = mpsc::UnboundedReceiver<(usize, Option<String>)>;

/// Two runners at once, one of which is killed again and again, and another started in its place.
struct Pair<'s> {
    schemas: &'s Schemas,
    /// Each with its number: so many were started before it.
    running: [(usize, Child); 2],
    started: usize,
    say: mpsc::UnboundedSender<(usize, Option<String>)>,
    heard: Heard,
}

impl<'s> Pair<'s> {
    fn start(schemas: &'s Schemas) -> Self {
        let (say, heard) = mpsc::unbounded_channel();
        Self {
            running: [0, 1].map(|number| (number, listen(Process::start(schemas), number, say.clone()))),
            schemas,
            started: 2,
            say,
            heard,
        }
    }

    async fn hear(&mut self) -> (usize, Option<String>) {
        tokio::time::timeout(LIMIT, self.heard.recv()).await.unwrap().unwrap()
    }

    /// Waits until so many tenants are done, by either. `false` if one of the two has ended.
    async fn has_done(&mut self, mut tenants: usize) -> bool {
        while tenants > 0 {
            match self.hear().await {
                (_, Some(line)) if line.starts_with("done") => tenants -= 1,
                (number, None) if self.running.iter().any(|running| running.0 == number) => return false,
                _ => {}
            }
        }
        true
    }

    /// Without a chance to do anything about it.
    async fn kill_one(&mut self) {
        let number = self.started;
        let child = listen(Process::start(self.schemas), number, self.say.clone());
        self.started += 1;
        let mut killed = std::mem::replace(&mut self.running[fastrand(2)], (number, child)).1;
        killed.kill().await.unwrap();
    }

    /// Waits until both have ended, and fails unless each says that all is done.
    async fn end(mut self) {
        let mut left: Vec<usize> = self.running.iter().map(|running| running.0).collect();
        let mut reports = 0;
        while !left.is_empty() {
            match self.hear().await {
                (number, Some(line)) if left.contains(&number) && line.starts_with("report") => {
                    assert!(line.starts_with("report true"), "{line}");
                    reports += 1;
                }
                (number, None) => left.retain(|left| *left != number),
                _ => {}
            }
        }
        for (_, mut child) in self.running {
            assert!(child.wait().await.unwrap().success());
        }
        assert_eq!(reports, 2);
    }
}

fn listen(process: Process, number: usize, say: mpsc::UnboundedSender<(usize, Option<String>)>) -> Child {
    let Process { child, mut lines } = process;
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let _ = say.send((number, Some(line)));
        }
        let _ = say.send((number, None));
    });
    child
}

/// `cargo xtask stress fleet` makes it as large as it should be before a release: 1,000 tenants and 20 kills.
#[tokio::test]
async fn runners_that_are_killed_at_random_points_are_resumed() {
    let tenants = number("TENANCY_TEST_FLEET_TENANTS", 100);
    let kills = number("TENANCY_TEST_FLEET_KILLS", 5);
    let schemas = Schemas::new(tenants, 1).await;
    let begun = Instant::now();
    let mut pair = Pair::start(&schemas);
    for killed in 0..kills {
        // Some way on in the run, and at a moment that nobody has chosen.
        let done = fastrand(tenants / (2 * kills + 2)) + 1;
        assert!(pair.has_done(done).await, "it was over when {killed} were killed");
        tokio::time::sleep(Duration::from_micros(u64::try_from(fastrand(20_000)).unwrap())).await;
        pair.kill_one().await;
    }
    let started = pair.started;
    pair.end().await;
    let took = begun.elapsed();

    let applied = schemas.applied().await;
    let count = |is: &dyn Fn(&[i64]) -> bool| applied.iter().filter(|(_, applied)| is(applied)).count();
    let mut connection = schemas.connect().await;
    let mut indexes = async |condition: &str| -> i64 {
        let sql = format!(
            "select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid
            join pg_namespace n on n.oid = c.relnamespace where n.nspname like 'tenant\\_%' and {condition}"
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut connection)
            .await
            .unwrap()
    };
    // The one that runs in no transaction is there for each of them, whole.
    let built = indexes("c.relname = 'drafts_title' and i.indisvalid").await;
    let broken = indexes("not i.indisvalid").await;
    let retaken: i64 = sqlx::query_scalar("select count(*) from tenancy_run_items where attempt > 1")
        .fetch_one(&mut schemas.connect().await)
        .await
        .unwrap();
    let has_each_once = count(&|applied| applied == [1, 2, 3, 5]);
    let has_one_twice = count(&|applied| applied.windows(2).any(|pair| pair[0] == pair[1]));
    println!(
        "| fleet | count |\n|---|---:|\n| tenants | {tenants} |\n| runners at once | 2 |\n| runners started | {started} |\n\
        | runners killed by `kill -9` | {kills} |\n| tenants taken again after their runner was killed | {retaken} |\n\
        | tenants in which each transactional migration has run exactly once | {has_each_once} |\n\
        | tenants in which one has run twice | {has_one_twice} |\n\
        | tenants in which the migration outside of a transaction has ended | {built} |\n\
        | indexes that are not valid | {broken} |\n| seconds | {} |",
        took.as_secs()
    );
    assert_eq!((has_each_once, has_one_twice), (tenants, 0));
    assert_eq!((built, broken), (i64::try_from(tenants).unwrap(), 0));
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
