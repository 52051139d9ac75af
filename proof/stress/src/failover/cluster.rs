//! PostgreSQL servers of this run's own: a primary, and a hot standby that follows it.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use tempfile::TempDir;

use crate::Failure;

const TIMEOUT: Duration = Duration::from_secs(60);

/// PostgreSQL's programs, and who runs them: it refuses to run as root.
#[derive(Clone)]
pub(crate) struct Programs {
    folder: PathBuf,
    user: Option<(u32, u32)>,
}

impl Programs {
    /// As `cargo xtask stress` says. `None` without it.
    pub(crate) fn find() -> Result<Option<Self>, Failure> {
        let Some(folder) = env::var_os("TENANCY_POSTGRES_PROGRAMS") else {
            return Ok(None);
        };
        let user = match env::var("TENANCY_POSTGRES_USER") {
            Ok(user) => {
                let (uid, gid) = user
                    .split_once(':')
                    .ok_or("TENANCY_POSTGRES_USER is not a user and a group")?;
                Some((uid.parse()?, gid.parse()?))
            }
            Err(_) => None,
        };
        Ok(Some(Self {
            folder: folder.into(),
            user,
        }))
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn run(&self, command: &mut Command) -> Result<(), Failure> {
        let output = command.stderr(Stdio::piped()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let told = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "`{}` ended with {}: {told}",
            command.get_program().display(),
            output.status
        )
        .into())
    }

    fn give(&self, path: &Path) -> Result<(), io::Error> {
        let Some((uid, gid)) = self.user else { return Ok(()) };
        chown(path, Some(uid), Some(gid))
    }
}

/// A server with a folder of its own. Dropped, it is killed and its folder removed.
pub(crate) struct Server {
    folder: TempDir,
    process: Child,
    port: u16,
    password: String,
}

impl Server {
    /// A new one, without data.
    pub(crate) async fn primary(programs: &Programs) -> Result<Self, Failure> {
        let folder = folder_of(programs)?;
        // Loopback only, for a minute, and nothing worth having is in it.
        let password = format!(
            "{:x}",
            std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)
        );
        let password_file = folder.path().join("password");
        fs::write(&password_file, &password)?;
        programs.give(&password_file)?;
        let mut initdb = programs.command("initdb");
        initdb
            .arg("-D")
            .arg(folder.path().join("data"))
            .arg("--pwfile")
            .arg(&password_file);
        initdb.args([
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        programs.run(&mut initdb)?;
        Self::start(programs, folder, password).await
    }

    /// A hot standby that follows this one. Afterwards a commit is acknowledged only once both have it.
    pub(crate) async fn standby(&self, programs: &Programs) -> Result<Self, Failure> {
        let folder = folder_of(programs)?;
        let mut backup = programs.command("pg_basebackup");
        backup.arg("-D").arg(folder.path().join("data"));
        backup.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"]);
        backup.args([
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
        ]);
        programs.run(backup.env("PGPASSWORD", &self.password))?;
        let standby = Self::start(programs, folder, self.password.clone()).await?;
        let mut superuser = self.superuser().connect().await?;
        // This goes into a file of the primary alone, so the standby waits for no other once it is promoted.
        sqlx::raw_sql("alter system set synchronous_standby_names = '*'")
            .execute(&mut superuser)
            .await?;
        sqlx::raw_sql("select pg_reload_conf()").execute(&mut superuser).await?;
        wait_until(
            "select count(*) = 1 from pg_stat_replication where sync_state = 'sync'",
            &mut superuser,
        )
        .await?;
        Ok(standby)
    }

    async fn start(programs: &Programs, folder: TempDir, password: String) -> Result<Self, Failure> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut postgres = programs.command("postgres");
        postgres
            .arg("-D")
            .arg(folder.path().join("data"))
            .arg("-k")
            .arg(folder.path());
        postgres.args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "max_connections=200",
            "fsync=off",
            "synchronous_commit=on",
        ] {
            postgres.args(["-c", setting]);
        }
        let log = fs::File::create(folder.path().join("log"))?;
        let process = postgres.stderr(log).spawn()?;
        let server = Self {
            folder,
            process,
            port,
            password,
        };
        let started = Instant::now();
        while let Err(error) = server.superuser().connect().await {
            if started.elapsed() > TIMEOUT {
                let log = fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
                return Err(format!("PostgreSQL does not start: {error}\n{log}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(server)
    }

    pub(crate) fn superuser(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new().host("127.0.0.1").port(self.port);
        options
            .username("postgres")
            .password(&self.password)
            .database("postgres")
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Makes a standby a primary.
    pub(crate) async fn promote(&self) -> Result<(), Failure> {
        let mut superuser = self.superuser().connect().await?;
        let is_promoted: bool = sqlx::query_scalar("select pg_promote(true, 60)")
            .fetch_one(&mut superuser)
            .await?;
        if is_promoted {
            Ok(())
        } else {
            Err("the standby was not promoted".into())
        }
    }

    /// `kill -9`, of the server and of each process that it has started.
    pub(crate) fn kill(&mut self) {
        let children = children_of(self.process.id());
        // An error if it has ended already.
        let _ = self.process.kill();
        for child in children.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(child, Signal::KILL);
        }
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // Its processes may still write what keeps the folder from being removed.
        for _ in 0..50 {
            if fs::remove_dir_all(self.folder.path()).is_ok() || !self.folder.path().exists() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn folder_of(programs: &Programs) -> Result<TempDir, Failure> {
    let folder = tempfile::Builder::new().prefix("tenancy-stress-").tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
    programs.give(folder.path())?;
    Ok(folder)
}

async fn wait_until(condition: &'static str, superuser: &mut PgConnection) -> Result<(), Failure> {
    let started = Instant::now();
    while !sqlx::query_scalar::<_, bool>(condition)
        .fetch_one(&mut *superuser)
        .await?
    {
        if started.elapsed() > TIMEOUT {
            return Err(format!("this did not become true: {condition}").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// By what the kernel says in `/proc`.
fn children_of(parent: u32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_child = |stat: &str| {
        // "pid (name) state parent …", and the name may hold anything.
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest);
        let ppid = after_name.and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        ppid == Some(parent)
    };
    processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            is_child(&stat).then_some(pid)
        })
        .collect()
}
