//! A PostgreSQL database for one test, with its roles, and gone when the test ends.

use std::env;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

/// Its owner is the service's administrator, and no superuser: as teams have it.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
    has_prepared_role: bool,
}

const PASSWORD: &str = "only for tests";

impl Database {
    /// On the server that `DATABASE_URL` names; `cargo xtask test` starts one. The service makes its role itself.
    pub(crate) fn new() -> Option<Self> {
        Self::with("createdb createrole", false)
    }

    /// One whose owner may make no role: the application's is there already.
    pub(crate) fn with_prepared_role() -> Option<Self> {
        Self::with("createdb", true)
    }

    fn with(rights: &str, has_prepared_role: bool) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Ok(url) = env::var("DATABASE_URL") else {
            println!("NOT TESTED on PostgreSQL: run `cargo xtask test`, or set DATABASE_URL");
            return None;
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let this = Self {
            server: PgConnectOptions::from_str(&url).unwrap(),
            name: format!("notes_test_{}_{number}", std::process::id()),
            has_prepared_role,
        };
        let name = &this.name;
        let mut made = vec![
            format!("create role {name}_owner login nosuperuser {rights} password '{PASSWORD}'"),
            format!("create database {name} owner {name}_owner"),
        ];
        if has_prepared_role {
            made.push(format!("create role {name}_application login password '{PASSWORD}'"));
        }
        this.run(async move |connection| {
            for sql in made {
                execute(connection, sql).await;
            }
        });
        Some(this)
    }

    /// The administrator's.
    pub(crate) fn url(&self) -> String {
        self.url_of("owner")
    }

    /// The application's, where it is there before the service is.
    pub(crate) fn application_url(&self) -> Option<String> {
        self.has_prepared_role.then(|| self.url_of("application"))
    }

    fn url_of(&self, role: &str) -> String {
        let options = self.server.clone().database(&self.name);
        let options = options.username(&format!("{}_{role}", self.name)).password(PASSWORD);
        options.to_url_lossy().to_string()
    }

    /// On a thread of its own: also where a test panics.
    fn run(&self, work: impl AsyncFnOnce(&mut PgConnection) + Send) {
        let running = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut connection = self.server.clone().connect().await.unwrap();
                work(&mut connection).await;
                connection.close().await.unwrap();
            });
        };
        std::thread::scope(|scope| scope.spawn(running).join()).unwrap();
    }
}

async fn execute(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = self.name.clone();
        self.run(async move |connection| {
            let tenants = "select datname::text from pg_database where starts_with(datname, $1)";
            let tenants: Vec<String> = sqlx::query_scalar(tenants)
                .bind(format!("{name}_tenant_"))
                .fetch_all(&mut *connection)
                .await
                .unwrap();
            for database in tenants.iter().chain([&name]) {
                execute(
                    connection,
                    format!("drop database if exists \"{database}\" with (force)"),
                )
                .await;
            }
            execute(
                connection,
                format!("drop role if exists {name}_application, {name}_owner"),
            )
            .await;
        });
    }
}
