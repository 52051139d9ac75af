//! The steps of a page, done. What is published for a reader is taken from this checkout, and nothing else differs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::below;
use super::page::Step;
use crate::built::Built;
use crate::command::{Failure, root, target};

/// How long one command may take: that of the slowest is a build of everything.
const BUILD: Duration = Duration::from_secs(30 * 60);
const COMMAND: Duration = Duration::from_secs(120);

/// Where the page's requests go.
const ADDRESS: &str = "localhost:3000";

pub(super) struct Run {
    // Dropped before its folder.
    service: Option<Service>,
    /// The folder that was empty.
    outer: TempDir,
    /// Where the reader is.
    folder: PathBuf,
    functions: String,
    variables: Vec<(String, String)>,
}

impl Run {
    pub(super) fn new() -> Result<Self, Failure> {
        let outer = tempfile::Builder::new().prefix("tenancy-first-page-").tempdir();
        let outer = outer.map_err(|error| Failure::new(format!("make an empty folder: {error}")))?;
        share_builds(outer.path())?;
        let programs = target("debug")?;
        let path = std::env::var("PATH").unwrap_or_default();
        Ok(Self {
            service: None,
            folder: outer.path().to_owned(),
            outer,
            functions: String::new(),
            variables: vec![
                ("PATH".to_owned(), format!("{}:{path}", programs.display())),
                ("LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
                // What the workspace is built of is there.
                ("CARGO_NET_OFFLINE".to_owned(), "true".to_owned()),
            ],
        })
    }

    /// What the reader's environment has in place of what the page exports.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn follow(&mut self, steps: &[Step]) -> Result<(), Failure> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Write { name, text } => {
                println!("  writes `{name}`");
                fs::write(below(&self.folder, name), text).map_err(|error| Failure::new(format!("{name}: {error}")))
            }
            Step::Define(functions) => {
                self.functions.push_str(functions);
                self.functions.push('\n');
                Ok(())
            }
            Step::Command(command) => command.split(" && ").try_for_each(|command| self.command(command)),
            Step::Request { command, status, body } => self.request(command, *status, body.as_deref()),
        }
    }

    fn command(&mut self, command: &str) -> Result<(), Failure> {
        println!("$ {command}");
        if let Some(folder) = command.strip_prefix("cd ") {
            self.folder.push(folder);
            return Ok(());
        }
        if let Some(export) = command.strip_prefix("export ") {
            let name = export.split_once('=').map_or(export, |(name, _)| name);
            let is_set = self.variables.iter().any(|(variable, _)| variable == name);
            return is_set
                .then_some(())
                .ok_or_else(|| Failure::new(format!("the page exports `{name}`, and nothing is known of it here")));
        }
        match command {
            // Its version is not published yet.
            "cargo install tenancy-cli" => Built::all()?.program("tenancy").map(drop),
            "cargo run" => self.serve(),
            command if command.starts_with("cargo new ") => {
                self.shell(command, COMMAND)?;
                // The versions that the workspace is built with.
                let folder = self.folder.join(command.trim_start_matches("cargo new "));
                let copied = fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"));
                copied
                    .map(drop)
                    .map_err(|error| Failure::new(format!("copy Cargo.lock: {error}")))
            }
            command => {
                let path = root().join("tenancy").display().to_string();
                let added = format!("cargo add --path '{path}' tenancy ");
                self.shell(&command.replacen("cargo add tenancy ", &added, 1), COMMAND)
                    .map(drop)
            }
        }
    }

    /// Runs a command in a shell that has the page's functions, to its end.
    fn shell(&self, command: &str, timeout: Duration) -> Result<Output, Failure> {
        let mut shell = Command::new("bash");
        shell
            .args(["-c", &format!("set -eu -o pipefail\n{}{command}", self.functions)])
            .current_dir(&self.folder)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            // Of the run of this program.
            .env_remove("DATABASE_URL")
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null());
        let output = within(shell, timeout, command)?;
        if output.status.success() {
            return Ok(output);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(format!(
            "`{command}` ended with {}:\n{errors}",
            output.status
        )))
    }

    /// Builds the program as `cargo run` does, and starts it in the place of the one that runs.
    fn serve(&mut self) -> Result<(), Failure> {
        self.service = None;
        self.shell("cargo build", BUILD)?;
        let name = self.folder.file_name().unwrap_or_default();
        let program = target("debug")?.join(name);
        self.service = Some(Service::start(&program, &self.folder, &self.variables)?);
        Ok(())
    }

    fn request(&self, command: &str, status: u16, body: Option<&str>) -> Result<(), Failure> {
        let service = self
            .service
            .as_ref()
            .ok_or_else(|| Failure::new("nothing was started yet"))?;
        if !command.contains(ADDRESS) {
            return Err(Failure::new(format!(
                "the page sends a request elsewhere than to {ADDRESS}: {command}"
            )));
        }
        let sent = command.replacen(ADDRESS, &service.address, 1);
        let sent = sent.replacen(
            "curl ",
            "curl --silent --noproxy '*' --max-time 60 --write-out '\\n%{http_code}' ",
            1,
        );
        let output = self.shell(&sent, COMMAND)?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let (answer, came) = printed.rsplit_once('\n').unwrap_or_default();
        println!("$ {command}\n  {came} {answer}");
        if came == status.to_string() && body.is_none_or(|body| body == answer) {
            return Ok(());
        }
        Err(Failure::new(format!(
            "README promises another answer: {command}\n{came} {answer}"
        )))
    }
}

/// Lets the project take what the workspace has built: the same folder, and the same profile.
fn share_builds(folder: &Path) -> Result<(), Failure> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"));
    let manifest = manifest.map_err(|error| Failure::new(format!("Cargo.toml: {error}")))?;
    let mut settings = format!("[build]\ntarget-dir = {:?}\n", target("")?.display().to_string());
    let mut is_of_profile = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_of_profile = line.starts_with("[profile.dev");
        }
        if is_of_profile {
            settings.push_str(line);
            settings.push('\n');
        }
    }
    let cargo = folder.join(".cargo");
    let written = fs::create_dir(&cargo).and_then(|()| fs::write(cargo.join("config.toml"), settings));
    written.map_err(|error| Failure::new(format!("cargo's settings: {error}")))
}

/// Runs a command, and ends it where it takes too long.
fn within(mut command: Command, timeout: Duration, shown: &str) -> Result<Output, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("`{shown}` cannot be run: {error}"));
    let child = command
        // With whatever the shell starts.
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let id = child.id();
    let (ended, end) = std::sync::mpsc::channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    match end.recv_timeout(timeout) {
        Ok(output) => output.map_err(failed),
        Err(_) => {
            let _ = Command::new("kill").args(["--", &format!("-{id}")]).status();
            Err(Failure::new(format!("`{shown}` took longer than {timeout:?}")))
        }
    }
}

/// The program of the page, ended when it is dropped.
struct Service {
    process: Child,
    address: String,
}

impl Service {
    fn start(program: &Path, folder: &Path, variables: &[(String, String)]) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = command
            .spawn()
            .map_err(|error| Failure::new(format!("{} cannot be started: {error}", program.display())))?;
        let output = process.stdout.take().map(BufReader::new);
        let (said, line) = std::sync::mpsc::channel();
        thread::spawn(move || {
            for line in output.into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        let mut service = Self {
            process,
            address: String::new(),
        };
        let started = Instant::now();
        while service.address.is_empty() {
            let left = COMMAND.saturating_sub(started.elapsed());
            let Ok(line) = line.recv_timeout(left) else {
                return Err(Failure::new("the program does not say where it listens"));
            };
            if let Some(address) = line.strip_prefix("listening on ") {
                address.clone_into(&mut service.address);
            }
        }
        Ok(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait().map(drop)) {
            eprintln!("stop the program of the page: {error}");
        }
    }
}

impl Drop for Run {
    /// A program of this name would stand beside those of the workspace.
    fn drop(&mut self) {
        self.service = None;
        if let (Some(name), Ok(programs)) = (self.folder.file_name(), target("debug"))
            && self.folder != self.outer.path()
        {
            let _ = fs::remove_file(programs.join(name));
        }
    }
}
