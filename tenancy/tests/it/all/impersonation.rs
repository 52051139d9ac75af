//! Support is let into a tenant, over axum: a grant is redeemed once, reads, and ends.

use std::fs;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tenancy::axum::{Caller, Tenancy, Tenant, problem};
use tenancy::http::tenure;
use tenancy::sql::{NewImpersonation, SqlDirectory, TenantDb};
use tenancy::{OpenDatabase, Opened, Postgres, Sqlite};
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::support::{Database, add, folder, tenant, token};

/// The service's own endpoint: no tenant and no caller yet.
async fn redeem<DB: OpenDatabase>(State(directory): State<SqlDirectory<DB>>, grant: String) -> Response {
    match directory.redeem_impersonation(&grant).await {
        Ok(Some(session)) => session.secret.expose().to_owned().into_response(),
        Ok(None) => StatusCode::FORBIDDEN.into_response(),
        Err(_) => problem(503, "unavailable", Some(1)),
    }
}

/// Who the handler sees.
async fn seen(Tenant(tenant): Tenant) -> String {
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

async fn account(caller: Caller) -> String {
    let actor = caller.actor().map_or("nobody", |actor| actor.subject().as_str());
    format!("{} by {actor}", caller.subject())
}

/// A service whose handlers begin to write wherever they want.
macro_rules! app {
    ($name:ident, $DB:ty) => {
        fn $name(opened: &Opened<$DB>) -> Router {
            async fn list(State(db): State<TenantDb<$DB>>, _: Tenant) -> String {
                let mut tx = db.begin_current().await.unwrap();
                let rows = sqlx::query_scalar("select body from notes order by body");
                let rows: Vec<String> = rows.fetch_all(&mut *tx).await.unwrap();
                rows.join(",")
            }

            async fn write(State(db): State<TenantDb<$DB>>, _: Tenant, body: String) -> StatusCode {
                let mut tx = db.begin_current().await.unwrap();
                let sql = "insert into notes (id, body) values ('1', $1)";
                match sqlx::query(sql).bind(body).execute(&mut *tx).await {
                    Ok(_) => tx
                        .commit()
                        .await
                        .map_or(StatusCode::INTERNAL_SERVER_ERROR, |()| StatusCode::CREATED),
                    Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
                }
            }

            let tenancy = Tenancy::from(opened.tenancy.clone());
            let scoped = Router::new()
                .route("/notes", get(list).post(write))
                .route("/seen", get(seen))
                .layer(tenancy.scoped())
                .with_state(opened.db.clone());
            let central = Router::new()
                .route("/support/session", post(redeem::<$DB>))
                .with_state(opened.directory.clone());
            let account = Router::new()
                .route("/account", get(account))
                .layer(tenancy.authenticated());
            scoped.merge(central).merge(account)
        }
    };
}

app!(app, Postgres);
app!(app_on_sqlite, Sqlite);

async fn send(app: &Router, line: &str, tenant: &str, bearer: &str, body: &str) -> (StatusCode, String) {
    let (method, uri) = line.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("x-tenant-id", tenant)
        .header("authorization", format!("Bearer {bearer}"))
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn of_acme() -> NewImpersonation {
    let (carol, why) = ("support:carol".parse().unwrap(), "ticket 4711".parse().unwrap());
    NewImpersonation::new("acme".parse().unwrap(), carol, why)
}

async fn support_reads<DB: OpenDatabase>(app: &Router, opened: &Opened<DB>, operator: &SqlDirectory<DB>) {
    let (alice, bob) = (token("alice"), token("bob"));
    for (id, bearer) in [("acme", &alice), ("globex", &bob)] {
        let (status, body) = send(app, "POST /notes", id, bearer, &format!("of {id}")).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
    }
    let granted = operator.impersonate(&of_acme()).await.unwrap();
    let secret = granted.secret.expose();
    // A grant is no session.
    assert_eq!(
        send(app, "GET /notes", "acme", secret, "").await.0,
        StatusCode::UNAUTHORIZED
    );
    let (status, session) = send(app, "POST /support/session", "", "none", secret).await;
    assert_eq!(status, StatusCode::OK, "{session}");
    assert_eq!(
        send(app, "POST /support/session", "", "none", secret).await.0,
        StatusCode::FORBIDDEN
    );

    assert_eq!(
        send(app, "GET /notes", "acme", &session, "").await,
        (StatusCode::OK, "of acme".to_owned())
    );
    let (status, _) = send(app, "POST /notes", "acme", &session, "written").await;
    assert_eq!(
        status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "the database refuses to write"
    );
    assert_eq!(send(app, "GET /notes", "acme", &alice, "").await.1, "of acme");
    for (other, bearer) in [("globex", session.as_str()), ("nowhere", &session), ("acme", &bob)] {
        let (status, body) = send(app, "GET /notes", other, bearer, "").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{other}: {body}");
    }
    let (status, as_seen) = send(app, "GET /seen", "acme", &session, "").await;
    let as_seen: Value = serde_json::from_str(&as_seen).unwrap();
    let expected = json!({"tenant": "acme", "subject": "support:carol", "actor": "support:carol",
        "grant": granted.id.as_str(), "roles": [], "is_read_only": true});
    assert_eq!((status, as_seen), (StatusCode::OK, expected));
    let (_, account) = send(app, "GET /account", "", &session, "").await;
    assert_eq!(account, "support:carol by support:carol");
    let (_, account) = send(app, "GET /account", "", &alice, "").await;
    assert_eq!(account, "alice by nobody");

    // An open connection ends with the session.
    let request = Request::get("/")
        .header("x-tenant-id", "acme")
        .header("authorization", format!("Bearer {session}"));
    let parts = request.body(()).unwrap().into_parts().0;
    let (parts, admission) = opened.tenancy.scoped().admit(parts).await;
    admission.scope.unwrap();
    let tenure = tenure(&parts.extensions).unwrap();
    let mut tenure = tenure.with_interval(Duration::from_millis(50));
    assert!(
        timeout(Duration::from_millis(300), tenure.ended()).await.is_err(),
        "it lasts"
    );
    assert!(operator.end_impersonation(&granted.id).await.unwrap());
    let (status, _) = send(app, "GET /notes", "acme", &session, "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let ended = timeout(Duration::from_secs(30), tenure.ended()).await.unwrap();
    assert_eq!(ended.code(), "forbidden");
}

async fn a_member_is_impersonated<DB: OpenDatabase>(app: &Router, operator: &SqlDirectory<DB>) {
    let alice = "alice".parse().unwrap();
    let granted = operator.impersonate(&of_acme().in_place_of(alice)).await.unwrap();
    let (_, session) = send(app, "POST /support/session", "", "none", granted.secret.expose()).await;
    let (_, as_seen) = send(app, "GET /seen", "acme", &session, "").await;
    let as_seen: Value = serde_json::from_str(&as_seen).unwrap();
    let expected = json!({"tenant": "acme", "subject": "alice", "actor": "support:carol",
        "grant": granted.id.as_str(), "roles": [], "is_read_only": true});
    assert_eq!(as_seen, expected);
    // The membership decides, and ends what was granted by it.
    let (acme, subject) = ("acme".parse().unwrap(), "alice".parse().unwrap());
    assert!(operator.remove_member(&acme, &subject, None).await.unwrap());
    let mut status = StatusCode::OK;
    for _ in 0..3_000 {
        status = send(app, "GET /notes", "acme", &session, "").await.0;
        if status == StatusCode::FORBIDDEN {
            break;
        }
        // A cache of memberships is notified in time.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(status, StatusCode::FORBIDDEN);
}

/// As a role that only reads the directory.
#[tokio::test]
async fn support_is_let_in_on_postgres() {
    let (database, folder) = (Database::new().await, folder());
    let open = |administers: bool| {
        let opening = tenancy::open_text::<Postgres>(database.file(), folder.path())
            .with_variable("APP_URL", database.application_url())
            .with_migrations("row", sqlx::migrate!("tests/migrations/shared"))
            .with_migrations("schema", sqlx::migrate!("tests/migrations/tenant"))
            .with_migrations("database", sqlx::migrate!("tests/migrations/tenant"))
            .with_impersonation();
        if administers {
            opening.with_variable("ADMIN_URL", database.administrator_url())
        } else {
            opening
        }
    };
    let operated = open(true).await.unwrap();
    for (id, strategy, member) in [("acme", "schema", "alice"), ("globex", "row", "bob")] {
        add(&operated.directory, &operated.db, &tenant(id, strategy, member)).await;
    }
    let serving = open(false).await.unwrap();
    assert!(serving.directory.is_read_only());
    support_reads(&app(&serving), &serving, &operated.directory).await;
    a_member_is_impersonated(&app(&serving), &operated.directory).await;
    serving.close().await;
    operated.close().await;
}

#[tokio::test]
async fn support_is_let_in_on_sqlite() {
    let folder = folder();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    let open = async |impersonation: bool| {
        let opening = tenancy::open_text::<Sqlite>(super::sqlite::file(), folder.path())
            .with_migrations("row", sqlx::migrate!("tests/migrations/sqlite-shared"));
        let opening = if impersonation {
            opening.with_impersonation()
        } else {
            opening
        };
        opening.await.unwrap()
    };
    let opened = open(true).await;
    for (id, member) in [("acme", "alice"), ("globex", "bob")] {
        add(&opened.directory, &opened.db, &tenant(id, "row", member)).await;
    }
    support_reads(&app_on_sqlite(&opened), &opened, &opened.directory).await;

    // Where it is not turned on, a session is an invalid token.
    let granted = opened.directory.impersonate(&of_acme()).await.unwrap();
    let closed = open(false).await;
    let app = app_on_sqlite(&closed);
    let (_, session) = send(&app, "POST /support/session", "", "none", granted.secret.expose()).await;
    let (status, _) = send(&app, "GET /notes", "acme", &session, "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    closed.close().await;
    opened.close().await;
}
