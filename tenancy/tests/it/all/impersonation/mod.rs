//! Support is let into a tenant, on every framework: a grant is redeemed once, reads, and ends.

mod on_axum;
mod on_poem;
mod on_tower;
mod on_warp;
mod service;

use std::fs;
use std::time::Duration;

use axum::http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tenancy::http::tenure;
use tenancy::sql::{NewImpersonation, SqlDirectory};
use tenancy::{OpenDatabase, Opened, Postgres, Sqlite};
use tokio::time::timeout;

use self::service::{App, Build, Notes};
use super::support::{Database, HEAD, add, folder, tenant, token};

/// The service on each framework, with its name.
fn apps<DB: Notes>(opened: &Opened<DB>) -> [(&'static str, App); 4] {
    let builders: [(&'static str, Build<DB>); 4] = [
        ("axum", on_axum::app),
        ("poem", on_poem::app),
        ("warp", on_warp::app),
        ("tower", on_tower::app),
    ];
    builders.map(|(name, build)| (name, build(opened)))
}

async fn answer(app: &App, line: &str, tenant: &str, bearer: &str, body: &str) -> Response<String> {
    let (method, uri) = line.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("x-tenant-id", tenant)
        .header("authorization", format!("Bearer {bearer}"))
        .body(body.to_owned())
        .unwrap();
    app(request).await
}

async fn send(app: &App, line: &str, tenant: &str, bearer: &str, body: &str) -> (StatusCode, String) {
    let (parts, body) = answer(app, line, tenant, bearer, body).await.into_parts();
    (parts.status, body)
}

fn of_acme() -> NewImpersonation {
    let (carol, why) = ("support:carol".parse().unwrap(), "ticket 4711".parse().unwrap());
    NewImpersonation::new("acme".parse().unwrap(), carol, why)
}

/// Each member writes a note.
async fn members_write(app: &App) {
    for (id, member) in [("acme", "alice"), ("globex", "bob")] {
        let (status, body) = send(app, "POST /notes", id, &token(member), &format!("of {id}")).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
    }
}

async fn support_reads<DB: OpenDatabase>(app: &App, opened: &Opened<DB>, operator: &SqlDirectory<DB>) {
    let (alice, bob) = (token("alice"), token("bob"));
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
    let refused = answer(app, "POST /notes", "acme", &session, "written").await;
    let problem: Value = serde_json::from_str(refused.body()).unwrap();
    let expected = json!({"type": "about:blank", "title": "Forbidden", "status": 403, "code": "read_only"});
    assert_eq!((refused.status(), problem), (StatusCode::FORBIDDEN, expected));
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
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

/// Returns the session.
async fn a_member_is_impersonated<DB: OpenDatabase>(app: &App, operator: &SqlDirectory<DB>) -> String {
    let alice = "alice".parse().unwrap();
    let granted = operator.impersonate(&of_acme().in_place_of(alice)).await.unwrap();
    let (_, session) = send(app, "POST /support/session", "", "none", granted.secret.expose()).await;
    let (_, as_seen) = send(app, "GET /seen", "acme", &session, "").await;
    let as_seen: Value = serde_json::from_str(&as_seen).unwrap();
    let expected = json!({"tenant": "acme", "subject": "alice", "actor": "support:carol",
        "grant": granted.id.as_str(), "roles": [], "is_read_only": true});
    assert_eq!(as_seen, expected);
    let (_, account) = send(app, "GET /account", "", &session, "").await;
    assert_eq!(account, "alice by support:carol");
    session
}

/// The membership decides, and ends what was granted by it. The member comes back, for the next framework.
async fn a_membership_ends_it<DB: OpenDatabase>(app: &App, operator: &SqlDirectory<DB>, session: &str) {
    let (acme, subject) = ("acme".parse().unwrap(), "alice".parse().unwrap());
    assert!(operator.remove_member(&acme, &subject, None).await.unwrap());
    until(async || send(app, "GET /notes", "acme", session, "").await.0 == StatusCode::FORBIDDEN).await;
    operator.add_member(&acme, &"alice".parse().unwrap()).await.unwrap();
    until(async || send(app, "GET /notes", "acme", &token("alice"), "").await.0 == StatusCode::OK).await;
}

/// On one framework after another, in tenants whose notes are written once.
async fn for_each_app<DB: Notes>(opened: &Opened<DB>, operator: &SqlDirectory<DB>) {
    let serves_alone = opened.directory.is_read_only();
    let apps = apps(opened);
    members_write(&apps[0].1).await;
    for (framework, app) in apps {
        println!("on {framework}");
        support_reads(&app, opened, operator).await;
        let session = a_member_is_impersonated(&app, operator).await;
        // On SQLite no cache hears of what the directory has changed unless the application publishes it.
        if serves_alone {
            a_membership_ends_it(&app, operator, &session).await;
        }
    }
}

/// Waits for what a cache is notified of in time.
async fn until(is_so: impl AsyncFn() -> bool) {
    for _ in 0..3_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it has not come to be within 30 s");
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
    for_each_app(&serving, &operated.directory).await;
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
    for_each_app(&opened, &opened.directory).await;

    // Where it is not turned on, a session is an invalid token.
    let granted = opened.directory.impersonate(&of_acme()).await.unwrap();
    let closed = open(false).await;
    let session = closed.directory.redeem_impersonation(granted.secret.expose()).await;
    let session = session.unwrap().unwrap();
    for (framework, app) in apps(&closed) {
        let (status, _) = send(&app, "GET /notes", "acme", session.secret.expose(), "").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{framework}");
    }
    closed.close().await;
    opened.close().await;
}

/// Of two tenants one is behind what the file requires: its members and who is let into it are answered 503, and the other is served.
#[tokio::test]
async fn a_tenant_that_is_behind_is_refused_alone() {
    let folder = folder();
    let text = format!(
        "{HEAD}[directory]\nfile = \"directory.sqlite\"\n[strategies.database]\nfolder = \"tenants\"\nminimum_version = 1\n"
    );
    let opened = tenancy::open_text::<Sqlite>(text, folder.path())
        .with_migrations("database", sqlx::migrate!("tests/migrations/sqlite-tenant"))
        .with_impersonation()
        .await
        .unwrap();
    for (id, member) in [("acme", "alice"), ("globex", "bob")] {
        add(&opened.directory, &opened.db, &tenant(id, "database", member)).await;
    }
    let granted = opened.directory.impersonate(&of_acme()).await.unwrap();
    let session = opened.directory.redeem_impersonation(granted.secret.expose()).await;
    let session = session.unwrap().unwrap().secret;
    let (alice, bob) = (token("alice"), token("bob"));
    for (_, app) in apps(&opened) {
        for bearer in [&alice, session.expose()] {
            assert_eq!(send(&app, "GET /notes", "acme", bearer, "").await.0, StatusCode::OK);
        }
    }
    // As a file of before there were records.
    let file = folder.path().join("tenants/tenant-acme.sqlite");
    let mut file = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let forgotten = sqlx::raw_sql("delete from tenancy_versions").execute(&mut file).await;
    forgotten.unwrap();
    for (framework, app) in apps(&opened) {
        for line in ["GET /notes", "POST /notes"] {
            for bearer in [&alice, session.expose()] {
                let behind = answer(&app, line, "acme", bearer, "written").await;
                let problem: Value = serde_json::from_str(behind.body()).unwrap();
                let expected = (StatusCode::SERVICE_UNAVAILABLE, &json!("tenant_updating"));
                assert_eq!((behind.status(), &problem["code"]), expected, "{framework}: {line}");
                assert_eq!(behind.headers()["retry-after"], "5", "{framework}: {line}");
            }
        }
        let neighbour = send(&app, "GET /notes", "globex", &bob, "").await;
        assert_eq!(neighbour, (StatusCode::OK, String::new()), "{framework}");
    }
    opened.close().await;
}
