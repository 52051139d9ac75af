//! A resolver of your own: the tenant's id in the form of an older system, `X-Account: A-acme`.
//!
//! ```text
//! x-account: A-acme is 200 OK
//! x-other: A-acme is 401 Unauthorized
//! x-account: acme is 400 Bad Request
//! x-account: A-globex is 403 Forbidden
//! ```

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use tenancy::Sqlite;
use tenancy::axum::{Tenancy, Tenant};
use tenancy::http::ClaimsFromExtension;
use tenancy::names::{FieldName, ResolverName, TenantId, TenantKey};
use tenancy::request::{Claims, RequestView};
use tenancy::resolve::{Malformed, Resolver};
use tenancy::sql::{CreationKey, NewTenant};
use tower::ServiceExt;

const FILE: &str = include_str!("../../tenancy.toml");

struct Account(FieldName);

impl Resolver for Account {
    fn name(&self) -> ResolverName {
        ResolverName::from_static("account")
    }

    /// What is not there names nobody. What is there and wrong, or twice, is an error, and never "not there".
    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let mut accounts = Vec::new();
        request
            .headers
            .each(&self.0, &mut |value| accounts.push(value.to_vec()));
        let id = match accounts.as_slice() {
            [] => return Ok(None),
            [account] => account.strip_prefix(b"A-").and_then(|id| TenantId::parse(id).ok()),
            _ => None,
        };
        id.map(|id| Some(TenantKey::Id(id))).ok_or(Malformed::Tenant)
    }

    /// Answers differ by this field, and say so in `Vary`.
    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&self.0);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = FILE.replace("header", "account");
    let opened = tenancy::open_text::<Sqlite>(file, folder.path())
        .with_resolver(Account("x-account".parse()?))
        .with_authenticator(ClaimsFromExtension::<Claims>::new())
        .await?;
    let acme = NewTenant::new("acme".parse()?, "database".parse()?).with_member("alice".parse()?);
    let key = CreationKey::random();
    opened.directory.create(&opened.db, &acme, &key).await?;
    let home = get(|tenant: Tenant| async move { tenant.id().to_string() });
    let app = Router::new().route("/", home.layer(Tenancy::from(opened.tenancy.clone()).scoped()));
    for field in [
        "x-account: A-acme",
        "x-other: A-acme",
        "x-account: acme",
        "x-account: A-globex",
    ] {
        let (name, account) = field.split_once(": ").unwrap_or_default();
        let request = Request::get("/").extension(Claims::new("alice".parse()?));
        let request = request.header(name, account).body(Body::empty())?;
        let answer = app.clone().oneshot(request).await?;
        println!("{field} is {}", answer.status());
    }
    Ok(())
}
