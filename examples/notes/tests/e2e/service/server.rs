//! The binary, started and stopped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::raw::{Connection, Request, Response};
use crate::service::framework::{FRAMEWORKS, Framework, REFERENCE};
use crate::service::postgres::Database;
use crate::service::setup::{RSA_PUBLIC, SECRET, Setup};

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The files of a configuration: `notes.toml`, its keys, and the database's folder beside them.
pub(crate) struct Folder {
    folder: TempDir,
    framework: Framework,
    /// In the place of the database's folder.
    postgres: Option<Arc<Database>>,
    /// Without the administrator's URL.
    serves_only: bool,
}

impl Folder {
    pub(crate) fn new(toml: &str) -> Self {
        let folder = Self {
            folder: tempfile::tempdir().unwrap(),
            framework: REFERENCE,
            postgres: None,
            serves_only: false,
        };
        folder.configure(toml);
        for (name, content) in [
            ("dev.key", format!("{SECRET}\n")),
            ("short.key", "too short".into()),
            ("rsa.pem", RSA_PUBLIC.into()),
            ("rsa-1024.pem", include_str!("../../keys/rsa-1024.public.pem").into()),
            ("ec.pem", include_str!("../../keys/ec.public.pem").into()),
        ] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    /// Whatever is served from here is served by this framework. Default: the reference.
    pub(crate) fn on(self, framework: Framework) -> Self {
        Self { framework, ..self }
    }

    /// Whatever is served from here has the application's credentials alone.
    pub(crate) fn serving_only(self) -> Self {
        Self {
            serves_only: true,
            ..self
        }
    }

    /// Whatever is served from here keeps its data in this database.
    pub(crate) fn in_database(self, database: Arc<Database>) -> Self {
        Self {
            postgres: Some(database),
            ..self
        }
    }

    /// The administrator's URL of the database on PostgreSQL, if it is there.
    pub(crate) fn postgres_url(&self) -> Option<String> {
        self.postgres.as_ref().map(|database| database.url())
    }

    pub(crate) fn configure(&self, toml: &str) {
        std::fs::write(self.path().join("notes.toml"), toml).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The binary with this configuration. It runs elsewhere, so that paths must be relative to the file.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notes"));
        let mut database = std::ffi::OsString::from("sqlite:");
        database.push(self.path().join("data"));
        if let Some(postgres) = &self.postgres {
            database = postgres.url().into();
        }
        let database = match self.serves_only {
            true => Vec::new(),
            false => vec!["--database".into(), database],
        };
        command
            .arg("--config")
            .arg(self.path().join("notes.toml"))
            .args(["--listen", "127.0.0.1:0", "--framework", self.framework])
            .args(database)
            .args(self.application())
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .env_remove("RUST_LOG");
        command
    }
}

impl Folder {
    /// The option that names the application's role, where the service makes none.
    fn application(&self) -> Vec<String> {
        let url = self.postgres.as_ref().and_then(|database| database.application_url());
        url.map_or_else(Vec::new, |url| vec!["--application".to_owned(), url])
    }
}

/// A server that listens. It is killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it printed before the line that says where it listens.
    pub(crate) greeting: Vec<String>,
    /// What it prints afterwards.
    rest: mpsc::Receiver<String>,
    log: PathBuf,
    folder: Folder,
}

impl Server {
    pub(crate) fn start(setup: &Setup) -> Self {
        Self::start_in(Folder::new(&setup.toml()))
    }

    pub(crate) fn start_on(framework: Framework, setup: &Setup) -> Self {
        // Shown only where the test fails.
        println!("on {framework}");
        Self::start_in(Folder::new(&setup.toml()).on(framework))
    }

    /// One on each framework, one after another.
    pub(crate) fn each(setup: &Setup) -> impl Iterator<Item = Self> {
        FRAMEWORKS.into_iter().map(|framework| Self::start_on(framework, setup))
    }

    /// On PostgreSQL, with the strategy `database` as it is configured and with `schema` in its place. The latter's
    /// administrator may make no roles. None where there is no PostgreSQL.
    pub(crate) fn each_on_postgres(setup: &Setup) -> impl Iterator<Item = Self> {
        ["database", "schema"].into_iter().filter_map(|strategy| {
            let toml = setup.toml().replace("\"database\"", &format!("{strategy:?}"));
            let database = match strategy {
                "schema" => Database::with_prepared_role(),
                _ => Database::new(),
            };
            let database = Arc::new(database?);
            println!("on PostgreSQL, with the strategy `{strategy}`");
            Some(Self::start_in(Folder::new(&toml).in_database(database)))
        })
    }

    pub(crate) fn start_in(folder: Folder) -> Self {
        let command = folder.command();
        Self::spawn(command, folder)
    }

    /// Starts a command that prints `listening on http://ADDR:PORT`.
    pub(crate) fn spawn(mut command: Command, folder: Folder) -> Self {
        let log = folder.path().join("stderr.log");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .expect("the binary starts");
        let (sender, rest) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut greeting = Vec::new();
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            match rest.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => match line.strip_prefix("listening on http://") {
                    Some(address) => {
                        let address = address.parse().expect("an address and a port");
                        return Self {
                            child,
                            address,
                            greeting,
                            rest,
                            log,
                            folder,
                        };
                    }
                    None => greeting.push(line),
                },
                Err(_) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    let log = std::fs::read_to_string(&log).unwrap_or_default();
                    panic!("the server does not listen; it printed {greeting:?} and logged:\n{log}");
                }
            }
        }
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// One request on a connection of its own.
    pub(crate) fn exchange(&self, request: &Request) -> Response {
        self.connect().exchange(request)
    }

    /// What it printed after the line that says where it listens, as far as it came within `wait`.
    pub(crate) fn later_output(&self, wait: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(line) = self.rest.recv_timeout(wait) {
            lines.push(line);
        }
        lines
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let status = kill.args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end that a signal brought about.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        wait(&mut self.child, timeout)
    }

    /// Kills the server and keeps its files, for another one to start from.
    pub(crate) fn into_folder(mut self) -> Folder {
        self.stop();
        let empty = Folder {
            folder: tempfile::tempdir().unwrap(),
            framework: self.folder.framework,
            postgres: None,
            serves_only: false,
        };
        std::mem::replace(&mut self.folder, empty)
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn wait(child: &mut Child, timeout: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + timeout;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}
