//! A service with a `tenancy.toml`, whose databases are gone when the test ends.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tenancy_sqlx::testing::TestPostgres;
use tokio::runtime::Runtime;

use super::command::{Done, Running, piped};
use super::pty::on_terminal;

/// A service that a test operates.
pub(crate) struct Service {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
    /// The strategies of its file.
    pub(crate) strategies: &'static [&'static str],
    pub(crate) database: Option<TestPostgres>,
    pub(crate) runtime: Runtime,
}

const HEAD: &str = "version = 1
[resolution]
resolvers = [\"header\", \"subdomain\"]
header_name = \"x-tenant-id\"
base_domain = \"example.com\"
[enforcement]
membership = \"directory\"
";

impl Service {
    fn new(strategies: &'static [&'static str], database: Option<TestPostgres>) -> Self {
        let this = Self {
            folder: TempDir::with_prefix("tenancy-cli-test-").unwrap(),
            variables: Vec::new(),
            strategies,
            database,
            runtime: runtime(),
        };
        this.migration("row", "create table notes_rows (tenant_id text not null, id text not null, body text not null, primary key (tenant_id, id));");
        this.migration(
            "tenant",
            "create table notes (id text primary key, body text not null);",
        );
        this
    }

    /// Tenants in SQLite files, set up.
    pub(crate) fn sqlite() -> Self {
        let this = Self::new(&["row", "database"], None);
        this.write_file(
            "[directory]
file = \"data/directory.sqlite\"
[strategies.row]
file = \"data/shared.sqlite\"
tables = [{ name = \"notes\", base_table = \"notes_rows\" }]
migrations = \"migrations/row\"
[strategies.database]
folder = \"data/tenants\"
migrations = \"migrations/tenant\"
",
        );
        this.run(["init"]).ended(0);
        this
    }

    /// Tenants on a PostgreSQL server, set up. The administrator owns the database and is no superuser.
    pub(crate) fn postgres() -> Self {
        let this = Self::empty_postgres();
        this.run(["init"]).ended(0);
        this
    }

    /// The same with one strategy.
    pub(crate) fn postgres_with(strategy: &'static [&'static str; 1]) -> Self {
        let this = Self::not_set_up(strategy);
        this.run(["init"]).ended(0);
        this
    }

    /// With all strategies, before `init`.
    pub(crate) fn empty_postgres() -> Self {
        Self::not_set_up(&["row", "schema", "database"])
    }

    fn not_set_up(strategies: &'static [&'static str]) -> Self {
        let database = Self::server();
        let mut this = Self::new(strategies, Some(database));
        let database = this.database.as_ref().unwrap();
        let prefix = database.database_prefix();
        let urls = [database.application_url(), database.administrator_url()];
        this.variables = ["APP_URL", "ADMIN_URL"].into_iter().zip(urls).collect();
        this.migration("row", "create table notes (tenant_id text not null, id text not null, body text not null, primary key (tenant_id, id));");
        let mut file = "[database]
url_env = \"APP_URL\"
administrator_url_env = \"ADMIN_URL\"
"
        .to_owned();
        for strategy in strategies {
            file.push_str(&match *strategy {
                "row" => "[strategies.row]
tables = [\"notes\"]
migrations = \"migrations/row\"
"
                .to_owned(),
                "schema" => "[strategies.schema]
migrations = \"migrations/tenant\"
"
                .to_owned(),
                _ => format!(
                    "[strategies.database]
prefix = \"{prefix}\"
template = \"template0\"
migrations = \"migrations/tenant\"
"
                ),
            });
        }
        this.write_file(&file);
        this
    }

    /// A database of its own, on the server that `DATABASE_URL` names; `cargo xtask test` starts one.
    pub(crate) fn server() -> TestPostgres {
        let url = env::var("DATABASE_URL").expect("no PostgreSQL: run `cargo xtask test`, or set DATABASE_URL");
        runtime().block_on(TestPostgres::new(&url)).unwrap()
    }

    /// Where the file and the databases are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.database.is_none()
    }

    fn write_file(&self, databases: &str) {
        fs::write(self.folder().join("tenancy.toml"), format!("{HEAD}{databases}")).unwrap();
    }

    fn migration(&self, folder: &str, sql: &str) {
        let folder = self.folder().join("migrations").join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("0001_notes.sql"), sql).unwrap();
    }

    /// Says in the file that these strategies are fenced, and that the others are not.
    pub(crate) fn fence_in_file(&self, strategies: &[&str]) {
        let path = self.folder().join("tenancy.toml");
        let mut text = fs::read_to_string(&path).unwrap().replace("fence = true\n", "");
        for strategy in strategies {
            let table = format!("[strategies.{strategy}]\n");
            text = text.replace(&table, &format!("{table}fence = true\n"));
        }
        fs::write(path, text).unwrap();
    }

    /// Leaves out a variable, as if it were never set.
    pub(crate) fn without(mut self, variable: &str) -> Self {
        self.variables.retain(|(name, _)| *name != variable);
        self
    }

    /// Sets a variable to something else.
    pub(crate) fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.variables.retain(|(name, _)| *name != variable);
        self.variables.push((variable, value.into()));
        self
    }

    /// The command, about to run where the file is.
    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenancy"));
        command
            .current_dir(self.folder())
            .args(arguments)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default());
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command
    }

    /// Runs a command without a terminal.
    pub(crate) fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Done {
        self.pipe(arguments, "")
    }

    /// Runs a command with this on stdin.
    pub(crate) fn pipe<'a>(&self, arguments: impl IntoIterator<Item = &'a str>, input: &str) -> Done {
        let done = piped(&mut self.command(arguments), input);
        self.no_secret_in(&done);
        done
    }

    /// Runs a command on a terminal on which this is typed.
    pub(crate) fn type_in<'a>(&self, arguments: impl IntoIterator<Item = &'a str>, typed: &str) -> Done {
        let done = on_terminal(&mut self.command(arguments), typed);
        self.no_secret_in(&done);
        done
    }

    /// The same on a terminal that can be drawn on.
    pub(crate) fn draw<'a>(&self, arguments: impl IntoIterator<Item = &'a str>, typed: &str) -> Done {
        let done = on_terminal(self.command(arguments).env("TERM", "xterm"), typed);
        self.no_secret_in(&done);
        done
    }

    /// Runs a command that is done, and returns its document.
    pub(crate) fn json<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Value {
        let arguments = arguments.into_iter().chain(["--json"]);
        self.run(arguments).ended(0).document()
    }

    pub(crate) fn start<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Running {
        Running::start(&mut self.command(arguments))
    }

    /// The status that the directory has; `removed` if it has none.
    pub(crate) fn status(&self, id: &str) -> String {
        let listed = self.json(["tenant", "list"]);
        let tenants = listed["tenants"].as_array().unwrap();
        let found = tenants.iter().find(|tenant| tenant["id"] == id);
        found.map_or("removed".to_owned(), |tenant| {
            tenant["status"].as_str().unwrap().to_owned()
        })
    }

    /// The kinds of a tenant's events, in their order.
    pub(crate) fn kinds(&self, id: &str) -> Vec<String> {
        let listed = self.json(["events", "list", "--tenant", id, "--limit", "1000"]);
        let events = listed["events"].as_array().unwrap().clone();
        events
            .iter()
            .map(|event| event["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    /// No URL's password is ever printed.
    fn no_secret_in(&self, done: &Done) {
        for (name, value) in &self.variables {
            let password = value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
            let password = password
                .and_then(|(user, _)| user.split_once(':'))
                .map(|(_, password)| password);
            if let Some(password) = password.filter(|password| password.len() > 4) {
                let shown = done.stdout.contains(password) || done.stderr.contains(password);
                assert!(!shown, "the password of {name} is shown: {done:#?}");
            }
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}
