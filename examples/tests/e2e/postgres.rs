//! A PostgreSQL database for one test, with its role, and gone when the test ends.

use std::env;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    /// On the server that `DATABASE_URL` names; `cargo xtask test` starts one.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Ok(url) = env::var("DATABASE_URL") else {
            println!("NOT TESTED on PostgreSQL: run `cargo xtask test`, or set DATABASE_URL");
            return None;
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let this = Self {
            server: PgConnectOptions::from_str(&url).unwrap(),
            name: format!("notes_test_{}_{number}", std::process::id()),
        };
        let sql = format!("create database {}", this.name);
        this.run(async |connection| execute(connection, sql).await);
        Some(this)
    }

    pub(crate) fn url(&self) -> String {
        self.server.clone().database(&self.name).to_url_lossy().to_string()
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
            execute(connection, format!("drop role if exists {name}_application")).await;
        });
    }
}
