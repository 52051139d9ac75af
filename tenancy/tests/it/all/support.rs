//! Databases that are gone when the test ends, tokens, and an application that writes and reads notes.

use std::env;
use std::fs;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use http_body_util::BodyExt as _;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use tempfile::TempDir;
use tenancy::axum::{Tenancy, Tenant};
use tenancy::directory::{TenantEntry as _, TenantRecord, TenantStatus};
use tenancy::jwt::TokenSigner;
use tenancy::sql::{NewTenant, SqlDirectory, TenantDb};
use tenancy::{OpenDatabase, Opened};
use tower::ServiceExt as _;

pub(super) static SHARED: Migrator = sqlx::migrate!("tests/migrations/shared");
pub(super) static TENANT: Migrator = sqlx::migrate!("tests/migrations/tenant");

/// What no error may repeat: the password of each URL, and the secret of the tokens' key.
pub(super) const PASSWORD: &str = "hunter2-never-shown";
pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The head of a file that is right, for callers by tokens.
pub(super) const HEAD: &str = r#"version = 1
[resolution]
resolvers = ["header"]
header_name = "x-tenant-id"
[enforcement]
membership = "directory"
[jwt]
issuer = "https://issuer.example.com"
audience = "notes"
[[jwt.keys]]
kid = "1"
algorithm = "HS256"
secret_file = "key"
"#;

/// A folder with the key's file.
pub(super) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), SECRET).unwrap();
    folder
}

pub(super) fn token(subject: &str) -> String {
    let signer = TokenSigner::hs256(Some("1"), &SECRET.as_bytes().to_vec().into()).unwrap();
    let signer = signer.with_issuer("https://issuer.example.com").with_audience("notes");
    let claim = tenancy::request::ClaimPath::literal("tenant_id").unwrap();
    signer.sign(&subject.parse().unwrap(), None, &claim, 600).unwrap()
}

/// A tenant of this strategy, with one member.
pub(super) fn tenant(id: &str, strategy: &str, member: &str) -> NewTenant {
    NewTenant::new(id.parse().unwrap(), strategy.parse().unwrap()).with_member(member.parse().unwrap())
}

pub(super) fn record(id: &str, strategy: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), strategy.parse().unwrap())
}

pub(super) async fn add<DB: OpenDatabase>(directory: &SqlDirectory<DB>, db: &TenantDb<DB>, tenant: &NewTenant) {
    let entry = directory.upsert(tenant).await.unwrap();
    db.provision(entry.record()).await.unwrap();
    directory
        .set_status(&entry.record().id, TenantStatus::Active)
        .await
        .unwrap();
}

/// Handlers that name no tenant.
macro_rules! app {
    ($name:ident, $DB:ty) => {
        pub(super) fn $name(opened: &Opened<$DB>) -> Router {
            async fn list(State(db): State<TenantDb<$DB>>, _: Tenant) -> String {
                let mut tx = db.begin_read_current().await.unwrap();
                let rows: Vec<String> = sqlx::query_scalar("select body from notes order by body")
                    .fetch_all(&mut *tx)
                    .await
                    .unwrap();
                serde_json::to_string(&rows).unwrap()
            }

            async fn write(State(db): State<TenantDb<$DB>>, _: Tenant, body: String) -> StatusCode {
                let mut tx = db.begin_current().await.unwrap();
                let sql = "insert into notes (id, body) values ('1', $1)";
                sqlx::query(sql).bind(body).execute(&mut *tx).await.unwrap();
                tx.commit().await.unwrap();
                StatusCode::CREATED
            }

            let tenancy = Tenancy::from(opened.tenancy.clone());
            Router::new()
                .route("/notes", get(list).post(write))
                .layer(tenancy.scoped())
                .with_state(opened.db.clone())
        }
    };
}

app!(app, tenancy::Postgres);
app!(app_on_sqlite, tenancy::Sqlite);

pub(super) async fn send(app: &Router, method: &str, tenant: &str, subject: &str, body: &str) -> (StatusCode, String) {
    let request = Request::builder()
        .method(method)
        .uri("/notes")
        .header("x-tenant-id", tenant)
        .header("authorization", format!("Bearer {}", token(subject)))
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Each member reads and writes notes of their own tenant, and strangers are refused.
pub(super) async fn serves(app: &Router, tenants: &[(&str, &str)]) {
    for (tenant, member) in tenants {
        let (status, body) = send(app, "POST", tenant, member, &format!("of {tenant}")).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
    }
    for (tenant, member) in tenants {
        let (status, body) = send(app, "GET", tenant, member, "").await;
        assert_eq!((status, body), (StatusCode::OK, format!("[\"of {tenant}\"]")));
        let (status, _) = send(app, "GET", tenant, "mallory", "").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
}

/// A PostgreSQL database with an owner, who is no superuser, and an application's role.
pub(super) struct Database {
    server: PgConnectOptions,
    pub(super) name: String,
}

impl Database {
    /// On the server that `DATABASE_URL` names; `cargo xtask test` starts one.
    pub(super) async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let url = env::var("DATABASE_URL").expect("no PostgreSQL: run `cargo xtask test`, or set DATABASE_URL");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let this = Self {
            server: PgConnectOptions::from_str(&url).unwrap(),
            name: format!("tenancy_open_{}_{number}", std::process::id()),
        };
        let name = &this.name;
        let mut connection = this.server.clone().connect().await.unwrap();
        for sql in [
            format!("create role {name}_app login password '{PASSWORD}'"),
            format!("create role {name}_owner login createdb password '{PASSWORD}'"),
            format!("create database {name} owner {name}_owner"),
        ] {
            connection.execute(AssertSqlSafe(sql)).await.unwrap();
        }
        connection.close().await.unwrap();
        this
    }

    pub(super) fn url_of(&self, role: &str) -> String {
        self.url_with(role, PASSWORD)
    }

    pub(super) fn url_with(&self, role: &str, password: &str) -> String {
        let options = self
            .server
            .clone()
            .database(&self.name)
            .username(role)
            .password(password);
        options.to_url_lossy().to_string()
    }

    pub(super) fn application_url(&self) -> String {
        self.url_of(&format!("{}_app", self.name))
    }

    pub(super) fn administrator_url(&self) -> String {
        self.url_of(&format!("{}_owner", self.name))
    }

    /// As one who may do anything on the server, for what an owner may not.
    pub(super) async fn superuser(&self) -> PgConnection {
        self.server.clone().database(&self.name).connect().await.unwrap()
    }

    pub(super) async fn administrator(&self) -> PgConnection {
        PgConnectOptions::from_str(&self.administrator_url())
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    /// A file that is right: all three strategies.
    pub(super) fn file(&self) -> String {
        format!(
            "{HEAD}
[database]
url_env = \"APP_URL\"
administrator_url_env = \"ADMIN_URL\"
[strategies.row]
tables = [\"notes\"]
[strategies.schema]
[strategies.database]
prefix = \"{}_of_\"
template = \"template0\"
",
            self.name
        )
    }
}

/// On a thread of its own: a test that panics cannot wait.
impl Drop for Database {
    fn drop(&mut self) {
        let removing = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let name = &self.name;
                let mut connection = self.server.clone().connect().await.unwrap();
                let like = "select datname::text from pg_database where starts_with(datname, $1)";
                let tenants: Vec<String> = sqlx::query_scalar(like)
                    .bind(format!("{name}_of_"))
                    .fetch_all(&mut connection)
                    .await
                    .unwrap();
                for database in tenants.iter().chain([name]) {
                    let sql = format!("drop database if exists \"{database}\" with (force)");
                    connection.execute(AssertSqlSafe(sql)).await.unwrap();
                }
                let sql = format!("drop role if exists {name}_app, {name}_owner, {name}_reader");
                connection.execute(AssertSqlSafe(sql)).await.unwrap();
            });
        };
        let removed = std::thread::scope(|scope| scope.spawn(removing).join());
        if removed.is_err() {
            eprintln!("the database {} and its roles are left behind", self.name);
        }
    }
}
