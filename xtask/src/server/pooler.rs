//! PgBouncer in front of the tests' PostgreSQL: in transaction mode, with one connection for each role and database.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use super::server_process::{as_user, free_port, give};
use crate::command::Failure;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Dropped, it is stopped.
pub(crate) struct Pooler {
    process: Child,
    pub(crate) port: u16,
}

impl Pooler {
    /// In a folder that the user may write to. The password is the administrator's, whom it asks for others'.
    pub(crate) fn start(
        folder: &Path,
        user: Option<(u32, u32)>,
        server_port: u16,
        password: &str,
    ) -> Result<Self, Failure> {
        let binary = binary()?;
        let failed = |what: &'static str| move |error: io::Error| Failure::new(format!("{what}: {error}"));
        let port = free_port().map_err(failed("find a free port for PgBouncer"))?;
        let users = folder.join("pgbouncer-users");
        let settings = folder.join("pgbouncer.ini");
        // Any database, also one that is made later. One that lacks is asked for again after a second, and who waits
        // for the only connection for ever fails its test sooner than in two minutes.
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\nauth_user = postgres\n\
             auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1\n\
             pool_mode = transaction\ndefault_pool_size = 1\nmax_client_conn = 500\nmax_db_connections = 0\n\
             server_login_retry = 1\nquery_wait_timeout = 15\n",
            users.display()
        );
        for (path, text) in [(&users, format!("\"postgres\" \"{password}\"\n")), (&settings, text)] {
            fs::write(path, text).map_err(failed("write PgBouncer's settings"))?;
            give(path, user)?;
        }
        let log = fs::File::create(folder.join("pgbouncer-log")).map_err(failed("make PgBouncer's log"))?;
        let process = as_user(binary, user)
            .arg("--quiet")
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(failed("start PgBouncer"))?;
        let mut pooler = Self { process, port };
        pooler.wait_until_ready(folder)?;
        println!("PgBouncer listens on 127.0.0.1:{port}");
        Ok(pooler)
    }

    fn wait_until_ready(&mut self, folder: &Path) -> Result<(), Failure> {
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.process.try_wait().ok().flatten();
            if ended.is_some() || started.elapsed() > TIMEOUT {
                let log = fs::read_to_string(folder.join("pgbouncer-log")).unwrap_or_default();
                return Err(Failure::new(format!("PgBouncer does not start:\n{log}")));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait().map(drop)) {
            eprintln!("stop PgBouncer: {error}");
        }
    }
}

/// Where it is, installed where it is missing and that is possible.
fn binary() -> Result<PathBuf, Failure> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let install = "install PgBouncer (Debian and Ubuntu: `apt-get install pgbouncer`), or name a server in DATABASE_URL: \
        then nothing is tested through it";
    crate::command::install(&["pgbouncer"], install)?;
    find().ok_or_else(|| Failure::new(install))
}

fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders
        .map(|folder| folder.join("pgbouncer"))
        .find(|binary| binary.exists())
}
