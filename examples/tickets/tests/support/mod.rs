//! The service's own file, with an issuer that the test makes up, on a database that is thrown away.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use tempfile::TempDir;
use tenancy::sql::TenantDb;
use tenancy::testing::{TestIssuer, TestPostgres, TestToken, collect};
use tenancy::{Open, Postgres};
use tower::ServiceExt;

/// Both processes.
pub(crate) struct Tickets {
    pub(crate) service: Router,
    pub(crate) accounts: Router,
    pub(crate) db: TenantDb<Postgres>,
    pub(crate) issuer: TestIssuer,
    _postgres: TestPostgres,
    _folder: TempDir,
}

impl Tickets {
    pub(crate) async fn start() -> Self {
        let url = std::env::var("DATABASE_URL").expect("no PostgreSQL: run `cargo xtask test`, or set DATABASE_URL");
        let postgres = TestPostgres::new(&url).await.unwrap();
        let issuer = TestIssuer::new("https://login.example.com", "tickets");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("jwks.json"), issuer.jwks()).unwrap();
        let file = include_str!("../../tenancy.toml").replace("tickets_tenant_", &postgres.database_prefix());
        let open = || -> Open<Postgres> {
            let open = tenancy::open_text(file.clone(), folder.path());
            tickets::with_code(open.with_variable("DATABASE_URL", postgres.application_url()))
        };
        let administrator = open().with_variable("DATABASE_ADMIN_URL", postgres.administrator_url());
        let administrator = administrator.await.unwrap();
        let serving = open().await.unwrap();
        assert!(serving.directory.is_read_only(), "it has no administrator");
        Self {
            service: tickets::service(&serving),
            accounts: tickets::accounts(&administrator),
            db: serving.db,
            issuer,
            _postgres: postgres,
            _folder: folder,
        }
    }

    /// A token of this person, by name.
    pub(crate) fn token(&self, person: &str) -> TestToken {
        self.issuer.token(person).with_claim("name", format!("{person}'s name"))
    }

    pub(crate) fn staff(&self) -> String {
        self.token("sam").with_claim("platform_staff", true).sign()
    }

    /// A person creates an organisation.
    pub(crate) async fn sign_up(&self, person: &str, id: &str, plan: &str) -> StatusCode {
        let body = format!(r#"{{"id": "{id}", "name": "{id}'s name", "plan": "{plan}"}}"#);
        let token = self.token(person).sign();
        Sent::post("/sign-up", &body).by(&token).to(&self.accounts).await.0
    }

    /// A person's request to the service of tickets, in an organisation.
    pub(crate) async fn request(&self, sent: Sent<'_>, person: &str, tenant: &str) -> (StatusCode, String) {
        sent.of(tenant).by(&self.token(person).sign()).to(&self.service).await
    }
}

/// A request that is being written.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'r> {
    method: &'static str,
    path: &'r str,
    body: &'r str,
    tenant: Option<&'r str>,
    token: &'r str,
}

impl<'r> Sent<'r> {
    pub(crate) fn get(path: &'r str) -> Self {
        Self::new("GET", path, "")
    }

    pub(crate) fn post(path: &'r str, body: &'r str) -> Self {
        Self::new("POST", path, body)
    }

    pub(crate) fn new(method: &'static str, path: &'r str, body: &'r str) -> Self {
        let (tenant, token) = (None, "");
        Self {
            method,
            path,
            body,
            tenant,
            token,
        }
    }

    pub(crate) fn of(self, tenant: &'r str) -> Self {
        let tenant = Some(tenant);
        Self { tenant, ..self }
    }

    pub(crate) fn by(self, token: &'r str) -> Self {
        Self { token, ..self }
    }

    pub(crate) fn request(self) -> Request<Body> {
        let method: Method = self.method.parse().unwrap();
        let mut request = Request::builder().method(method).uri(self.path);
        if let Some(tenant) = self.tenant {
            request = request.header("x-tenant-id", tenant);
        }
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let request = request.header("content-type", "application/json");
        request.body(Body::from(self.body.to_owned())).unwrap()
    }

    pub(crate) async fn to(self, router: &Router) -> (StatusCode, String) {
        let answer: Response<Body> = router.clone().oneshot(self.request()).await.unwrap();
        let answer = collect(answer).await.unwrap();
        let body = String::from_utf8(answer.body().to_vec()).unwrap();
        (answer.status(), body)
    }
}
