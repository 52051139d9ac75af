//! What the handlers of the service do, whatever the framework.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::{Request, Response, StatusCode};
use serde_json::json;
use tenancy::enforce::{Admitted, Caller};
use tenancy::sql::{ErrorKind, SqlDirectory, TenantDb};
use tenancy::{OpenDatabase, Opened, Postgres, Sqlite};

pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// The service on a framework: a request in, its answer out.
pub(super) type App = Arc<dyn Fn(Request<String>) -> Pin<Box<dyn Future<Output = Response<String>>>>>;

/// Puts the service on a framework.
pub(super) type Build<DB> = fn(&Opened<DB>) -> App;

/// Notes, which handlers begin to write for every caller.
pub(super) trait Notes: OpenDatabase {
    fn list(db: &TenantDb<Self>) -> impl Future<Output = Result<String, Failure>> + Send;

    fn write(db: &TenantDb<Self>, body: &str) -> impl Future<Output = Result<(), Failure>> + Send;
}

macro_rules! notes {
    ($($DB:ty),*) => {$(
        impl Notes for $DB {
            async fn list(db: &TenantDb<Self>) -> Result<String, Failure> {
                let mut tx = db.begin_current().await?;
                let rows = sqlx::query_scalar("select body from notes order by body");
                let rows: Vec<String> = rows.fetch_all(&mut *tx).await?;
                Ok(rows.join(","))
            }

            async fn write(db: &TenantDb<Self>, body: &str) -> Result<(), Failure> {
                let mut tx = db.begin_current().await?;
                let sql = "insert into notes (id, body) values ('1', $1)";
                sqlx::query(sql).bind(body).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
            }
        }
    )*};
}

notes!(Postgres, Sqlite);

/// What the framework's `problem` takes.
pub(super) type Problem = (u16, &'static str, Option<u32>);

pub(super) fn refused(error: &Failure) -> Problem {
    let kind = ErrorKind::of(&**error);
    (kind.status(), kind.code(), kind.retry_after())
}

/// The service's own endpoint: no tenant and no caller yet.
pub(super) async fn redeemed<DB: OpenDatabase>(directory: &SqlDirectory<DB>, grant: &str) -> Result<String, Problem> {
    match directory.redeem_impersonation(grant).await {
        Ok(Some(session)) => Ok(session.secret.expose().to_owned()),
        Ok(None) => Err((StatusCode::FORBIDDEN.as_u16(), "forbidden", None)),
        Err(_) => Err((StatusCode::SERVICE_UNAVAILABLE.as_u16(), "unavailable", Some(1))),
    }
}

/// Who the handler sees.
pub(super) fn seen(tenant: &Admitted) -> String {
    let actor = tenant.actor();
    let seen = json!({
        "tenant": tenant.id().as_str(),
        "subject": tenant.subject().as_str(),
        "actor": actor.map(|actor| actor.subject().as_str()),
        "grant": actor.and_then(|actor| actor.grant()).map(|grant| grant.as_str()),
        "roles": tenant.roles().iter().map(|role| role.as_str()).collect::<Vec<_>>(),
        "is_read_only": tenant.is_read_only(),
    });
    seen.to_string()
}

pub(super) fn account(caller: &Caller) -> String {
    let actor = caller.actor().map_or("nobody", |actor| actor.subject().as_str());
    format!("{} by {actor}", caller.subject())
}
