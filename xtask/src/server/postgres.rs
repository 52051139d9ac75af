//! A PostgreSQL server for the tests, thrown away after them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use super::in_memory;
use super::pooler::Pooler;
use super::server_process::{as_user, free_port, give, user};
use crate::command::{Failure, program};

/// Names the server that the tests use, in sqlx's own variable. Where it is set, that server is used, in
/// databases that the tests make and remove.
const DATABASE_URL: &str = "DATABASE_URL";

/// Names the folder with PostgreSQL's programs, and the user and group that they run as, where it is not this one.
const PROGRAMS: &str = "TENANCY_POSTGRES_PROGRAMS";
const USER: &str = "TENANCY_POSTGRES_USER";

/// Names the port of the PgBouncer before that server. Without it nothing is tested through one.
const POOLER_PORT: &str = "TENANCY_PGBOUNCER_PORT";

/// The oldest version that the policies work on.
const OLDEST: u32 = 15;

/// How much memory the data of the tests may take.
const DATA: u64 = 8 << 30;

/// How long the server may take to be ready.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a program finds that starts servers of its own by.
pub(crate) fn programs() -> Result<Vec<(&'static str, String)>, Failure> {
    let mut variables = vec![(PROGRAMS, binaries()?.to_string_lossy().into_owned())];
    variables.extend(user()?.map(|(uid, gid)| (USER, format!("{uid}:{gid}"))));
    Ok(variables)
}

/// Runs a command beside a server that runs.
pub(crate) fn run(command: &[&str]) -> Result<(), Failure> {
    let [name, arguments @ ..] = command else {
        return Err(Failure::new("usage: cargo xtask postgres COMMAND..."));
    };
    let server = Server::start_for_tests()?;
    program(name).args(arguments).envs(server.variables()).run()
}

/// A server that the tests may do anything to. Dropped, it is stopped and removed.
pub(crate) struct Server {
    url: String,
    own: Option<Cluster>,
}

impl Server {
    /// The user's own server, or a new one.
    pub(crate) fn start() -> Result<Self, Failure> {
        Self::users().map_or_else(Self::start_own, Ok)
    }

    /// The same for tests, which make and drop hundreds of databases. A new one has its files in memory, where there is room: a file
    /// system on a disk looks for a free inode for each of some 300 files of a database, past those that were just removed.
    pub(crate) fn start_for_tests() -> Result<Self, Failure> {
        Self::users().map_or_else(|| Self::start_as(Kind::Tests), Ok)
    }

    /// A new one, whatever `DATABASE_URL` says.
    pub(crate) fn start_own() -> Result<Self, Failure> {
        Self::start_as(Kind::Plain)
    }

    fn users() -> Option<Self> {
        let url = env::var(DATABASE_URL).ok().filter(|url| !url.is_empty())?;
        Some(Self { url, own: None })
    }

    fn start_as(kind: Kind) -> Result<Self, Failure> {
        let cluster = Cluster::start(&binaries()?, kind)?;
        Ok(Self {
            url: cluster.database.url(),
            own: Some(cluster),
        })
    }

    /// The URL of a superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What the tests find it by.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![(DATABASE_URL, self.url.clone())];
        if let Some(cluster) = &self.own {
            variables.push((POOLER_PORT, cluster.pooler.port.to_string()));
        }
        variables
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(cluster) = &mut self.own {
            cluster.database.stop();
        }
    }
}

/// What a server is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As a user has one: what is measured, or shown, is to hold there.
    Plain,
    /// Quicker for tests, which make and drop hundreds of databases and connect thousands of times.
    Tests,
}

impl Kind {
    /// The folder that its own is made in.
    fn folder(self) -> PathBuf {
        let in_memory = match self {
            Self::Plain => None,
            Self::Tests => in_memory::folder(DATA),
        };
        in_memory.map_or_else(env::temp_dir, Path::to_path_buf)
    }

    fn variables(self) -> Option<(&'static str, &'static str)> {
        (self == Self::Tests).then_some(LARGE_PAGES)
    }
}

struct Cluster {
    // Dropped before the server is stopped.
    pooler: Pooler,
    database: Database,
}

impl Cluster {
    fn start(binaries: &Path, kind: Kind) -> Result<Self, Failure> {
        let database = Database::start(binaries, kind)?;
        let pooler = Pooler::start(database.folder.path(), user()?, database.port, &database.password)?;
        Ok(Self { pooler, database })
    }
}

struct Database {
    folder: tempfile::TempDir,
    server: Child,
    port: u16,
    password: String,
}

impl Database {
    fn start(binaries: &Path, kind: Kind) -> Result<Self, Failure> {
        let failed = |what: &'static str| move |error: io::Error| Failure::new(format!("{what}: {error}"));
        // Not under `target`: the user that runs the server may not be able to look into this folder.
        let folder = tempfile::Builder::new()
            .prefix("tenancy-postgres-")
            .tempdir_in(kind.folder())
            .map_err(failed("make a folder for PostgreSQL"))?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))
            .map_err(failed("close PostgreSQL's folder to others"))?;
        let user = user()?;
        let password = random_password()?;
        let password_file = folder.path().join("password");
        fs::write(&password_file, &password).map_err(failed("write PostgreSQL's password"))?;
        for path in [folder.path(), &password_file] {
            give(path, user)?;
        }
        let data = folder.path().join("data");
        make_cluster(binaries, user, &data, &password_file)?;
        if kind == Kind::Tests {
            let rules = data.join("pg_hba.conf");
            let others = fs::read_to_string(&rules).map_err(failed("read PostgreSQL's rules of authentication"))?;
            fs::write(&rules, format!("{SUPERUSER}{others}"))
                .map_err(failed("write PostgreSQL's rules of authentication"))?;
        }
        let port = free_port().map_err(failed("find a free port for PostgreSQL"))?;
        let log = fs::File::create(folder.path().join("log")).map_err(failed("make PostgreSQL's log"))?;
        let server = as_user(binaries.join("postgres"), user)
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string()])
            .arg("-k")
            .arg(folder.path())
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .envs(kind.variables())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(failed("start PostgreSQL"))?;
        let mut cluster = Self {
            folder,
            server,
            port,
            password,
        };
        cluster.wait_until_ready(binaries)?;
        println!("PostgreSQL listens on 127.0.0.1:{port}");
        Ok(cluster)
    }

    fn url(&self) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    fn wait_until_ready(&mut self, binaries: &Path) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            let ready = Command::new(binaries.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return Ok(());
            }
            let ended = self.server.try_wait().ok().flatten();
            if ended.is_some() || started.elapsed() > TIMEOUT {
                self.stop();
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                return Err(Failure::new(format!("PostgreSQL does not start:\n{log}")));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Nothing in it is worth an orderly end. Its processes see that the first of them is gone.
    fn stop(&mut self) {
        if let Err(error) = self.server.kill().and_then(|()| self.server.wait().map(drop)) {
            eprintln!("stop PostgreSQL: {error}");
        }
    }
}

/// Where the superuser connects, its password is not hashed 4,096 times by a test build, but by the server. Every other role
/// authenticates as it does in production.
const SUPERUSER: &str = "host all postgres 127.0.0.1/32 password\n";

/// A planner's memory in pages of 2 MiB, where the system has them: of small ones a process of the server touches thousands.
const LARGE_PAGES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

/// What is lost is made again, so nothing waits for a disk.
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    "max_connections=300",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "log_min_messages=fatal",
];

fn make_cluster(binaries: &Path, user: Option<(u32, u32)>, data: &Path, password_file: &Path) -> Result<(), Failure> {
    let mut initdb = as_user(binaries.join("initdb"), user);
    initdb
        .arg("-D")
        .arg(data)
        .arg(concat_option("--pwfile=", password_file));
    initdb.args([
        "--username=postgres",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]);
    let made = initdb
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::new(format!("run initdb: {error}")))?;
    if made.status.success() {
        Ok(())
    } else {
        let errors = String::from_utf8_lossy(&made.stderr);
        Err(Failure::new(format!("initdb ended with {}: {errors}", made.status)))
    }
}

fn concat_option(option: &str, path: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(option);
    text.push(path);
    text
}

fn random_password() -> Result<String, Failure> {
    let bytes = || -> io::Result<[u8; 16]> {
        let mut bytes = [0; 16];
        io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut bytes)?;
        Ok(bytes)
    };
    let bytes = bytes().map_err(|error| Failure::new(format!("/dev/urandom: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The folder with PostgreSQL's programs, installed where it is missing and that is possible.
fn binaries() -> Result<PathBuf, Failure> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let install = "install PostgreSQL 15 or newer (Debian and Ubuntu: `apt-get install postgresql`), \
        or name a server in DATABASE_URL";
    crate::command::install(&["postgresql"], install)?;
    find().ok_or_else(|| Failure::new(install))
}

/// In `PATH`, where `pg_config` says, and where Debian keeps it; the newest there.
fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    if let Ok(told) = program("pg_config").args(["--bindir"]).quietly() {
        folders.push(told.trim().into());
    }
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(debian.map(|version| version.path().join("bin")));
    let versions = folders
        .into_iter()
        .filter_map(|folder| Some((version(&folder)?, folder)));
    let (newest, folder) = versions.max()?;
    (newest >= OLDEST).then_some(folder)
}

fn version(folder: &Path) -> Option<u32> {
    let is_whole = ["initdb", "postgres", "pg_isready"]
        .iter()
        .all(|binary| folder.join(binary).exists());
    if !is_whole {
        return None;
    }
    // "postgres (PostgreSQL) 15.14 (Debian …)"
    let told = program(folder.join("postgres")).args(["--version"]).quietly().ok()?;
    let number = told.split_whitespace().nth(2)?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
