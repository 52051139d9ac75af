//! The service's tests: its own `tenancy.toml`, and the kit.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use tenancy::testing::{LeakCheck, TestTenant, collect};
use tower::ServiceExt;

use crate::support::{Sent, Tickets};

const PLANS: [(&str, &str, &str); 3] = [
    ("alice", "acme", "free"),
    ("tina", "initech", "team"),
    ("uma", "umbrella", "enterprise"),
];

#[tokio::test]
async fn organisations_sign_up_and_write_tickets_whatever_their_plan() {
    let tickets = Tickets::start().await;
    for (person, id, plan) in PLANS {
        assert_eq!(tickets.sign_up(person, id, plan).await, StatusCode::CREATED);
        // A second click.
        assert_eq!(tickets.sign_up(person, id, "free").await, StatusCode::CREATED);
        assert_eq!(tickets.sign_up("mallory", id, plan).await, StatusCode::CONFLICT);
    }
    for (person, id, plan) in PLANS {
        let (_, shown) = tickets.request(Sent::get("/plan"), person, id).await;
        assert_eq!(shown, format!(r#"{{"plan":"{plan}"}}"#));

        for title in ["printer", "it's urgent"] {
            let body = format!(r#"{{"title": "{title}", "body": "of {id}"}}"#);
            let (status, created) = tickets.request(Sent::post("/tickets", &body), person, id).await;
            assert_eq!(status, StatusCode::CREATED, "{created}");
        }
        let closed = Sent::new("PUT", "/tickets/1", r#"{"title": "printer", "is_open": false}"#);
        assert_eq!(tickets.request(closed, person, id).await.0, StatusCode::NO_CONTENT);
        let (_, one) = tickets.request(Sent::get("/tickets/1"), person, id).await;
        let expected = format!(
            r#"{{"number":1,"title":"printer","body":"of {id}","author":"{person}'s name","priority":"normal","is_open":false}}"#
        );
        assert_eq!(one, expected, "numbers begin at 1 in each organisation");

        // The client's faults are not the service's.
        let empty = Sent::post("/tickets", r#"{"title": ""}"#);
        assert_eq!(tickets.request(empty, person, id).await.0, StatusCode::BAD_REQUEST);
        let gone = Sent::new("DELETE", "/tickets/9", "");
        assert_eq!(tickets.request(gone, person, id).await.0, StatusCode::NOT_FOUND);
        let (status, _) = tickets.request(Sent::get("/tickets"), "mallory", id).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_caller_sees_their_own_organisations() {
    let tickets = Tickets::start().await;
    for (person, id) in [("alice", "acme"), ("alice", "globex"), ("bob", "hooli")] {
        assert_eq!(tickets.sign_up(person, id, "free").await, StatusCode::CREATED);
    }
    let seen = async |path: &'static str, person: &str| {
        let token = tickets.token(person).sign();
        Sent::get(path).by(&token).to(&tickets.service).await.1
    };
    let of = |id: &str| format!(r#"{{"id":"{id}","name":"{id}'s name","is_owner":true}}"#);
    let both = format!("[{},{}]", of("acme"), of("globex"));
    assert_eq!(seen("/organisations", "alice").await, both);
    assert_eq!(
        seen("/organisations?after=acme", "alice").await,
        format!("[{}]", of("globex"))
    );
    assert_eq!(seen("/organisations", "mallory").await, "[]");
    let (status, _) = Sent::get("/organisations").to(&tickets.service).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

/// The name is required in tokens, and a token without one is none.
#[tokio::test]
async fn tokens_say_who_people_are() {
    let tickets = Tickets::start().await;
    assert_eq!(tickets.sign_up("alice", "acme", "free").await, StatusCode::CREATED);
    for (token, status) in [
        (tickets.token("alice"), StatusCode::OK),
        (tickets.token("alice").without_claim("name"), StatusCode::UNAUTHORIZED),
        (tickets.token("alice").with_claim("name", 7), StatusCode::UNAUTHORIZED),
        (tickets.token("alice").expired(), StatusCode::UNAUTHORIZED),
        (tickets.token("alice").for_audience("billing"), StatusCode::UNAUTHORIZED),
    ] {
        let sent = token.sign();
        let (answered, body) = Sent::get("/tickets").of("acme").by(&sent).to(&tickets.service).await;
        assert_eq!(answered, status, "{body}");
    }
}

#[tokio::test]
async fn staff_suspend_and_count() {
    let tickets = Tickets::start().await;
    for (person, id, plan) in PLANS {
        assert_eq!(tickets.sign_up(person, id, plan).await, StatusCode::CREATED);
        let sent = Sent::post("/tickets", r#"{"title": "printer"}"#);
        assert_eq!(tickets.request(sent, person, id).await.0, StatusCode::CREATED);
    }
    let (staff, alice) = (tickets.staff(), tickets.token("alice").sign());
    let (status, _) = Sent::get("/staff/report").by(&alice).to(&tickets.accounts).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (_, report) = Sent::get("/staff/report").by(&staff).to(&tickets.accounts).await;
    let counted =
        r#"{"organisations":[{"id":"acme","open":1},{"id":"initech","open":1},{"id":"umbrella","open":1}],"failed":0}"#;
    assert_eq!(report, counted);

    let change = async |verb: &str, id: &str| {
        let path = format!("/staff/organisations/{id}/{verb}");
        Sent::post(&path, "").by(&staff).to(&tickets.accounts).await.0
    };
    assert_eq!(change("suspend", "nobody").await, StatusCode::NOT_FOUND);
    assert_eq!(change("suspend", "acme").await, StatusCode::NO_CONTENT);
    // The process that serves follows.
    wait_for(async || tickets.request(Sent::get("/tickets"), "alice", "acme").await.0 == StatusCode::FORBIDDEN).await;
    let (_, report) = Sent::get("/staff/report").by(&staff).to(&tickets.accounts).await;
    assert!(!report.contains("acme"), "{report}");
    assert_eq!(change("activate", "acme").await, StatusCode::NO_CONTENT);
    wait_for(async || tickets.request(Sent::get("/tickets"), "alice", "acme").await.0 == StatusCode::OK).await;
}

#[tokio::test]
async fn urgent_tickets_are_judged_in_the_background() {
    let tickets = Tickets::start().await;
    for (person, id, plan) in PLANS {
        assert_eq!(tickets.sign_up(person, id, plan).await, StatusCode::CREATED);
        for title in ["URGENT", "slow"] {
            let body = format!(r#"{{"title": "{title}"}}"#);
            tickets.request(Sent::post("/tickets", &body), person, id).await;
        }
    }
    for (person, id, _) in PLANS {
        wait_for(async || {
            let (_, one) = tickets.request(Sent::get("/tickets/1"), person, id).await;
            one.contains(r#""priority":"high""#)
        })
        .await;
        let (_, other) = tickets.request(Sent::get("/tickets/2"), person, id).await;
        assert!(other.contains(r#""priority":"normal""#), "{other}");
    }
}

#[tokio::test]
async fn new_tickets_are_streamed_to_their_organisation() {
    let tickets = Tickets::start().await;
    for (person, id, plan) in PLANS {
        assert_eq!(tickets.sign_up(person, id, plan).await, StatusCode::CREATED);
    }
    let mut streams = Vec::new();
    for (person, id, _) in PLANS {
        let token = tickets.token(person).sign();
        let request = Sent::get("/tickets/events").of(id).by(&token).request();
        let answer = tickets.service.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        streams.push(answer.into_body().into_data_stream());
    }
    for (person, id, _) in PLANS {
        let body = format!(r#"{{"title": "of {id}"}}"#);
        tickets.request(Sent::post("/tickets", &body), person, id).await;
    }
    for (stream, (_, id, _)) in streams.iter_mut().zip(PLANS) {
        let frame = stream.next().await.unwrap().unwrap();
        let frame = String::from_utf8(frame.to_vec()).unwrap();
        assert!(
            frame.contains("id: 1\n") && frame.contains(&format!("of {id}")),
            "{frame}"
        );
        assert_eq!(frame.matches("number").count(), 1, "{frame}");
    }
}

/// Each handler, for two organisations of each plan: nothing of one reaches the other.
#[tokio::test]
async fn the_service_leaks_nothing() {
    let tickets = Tickets::start().await;
    for (plan, strategy) in [("free", "row"), ("team", "schema"), ("enterprise", "database")] {
        let tenants = ["one", "two"].map(|id| {
            TestTenant::new(&format!("{plan}-{id}"))
                .with_strategy(strategy)
                .with_subject(&format!("{plan}-{id}-owner"))
        });
        for tenant in &tenants {
            let owner = tenant.member().subject().as_str();
            let status = tickets.sign_up(owner, tenant.id().as_str(), plan).await;
            assert_eq!(status, StatusCode::CREATED);
        }
        let issuer = tickets.issuer.clone();
        let mut check = LeakCheck::new(tenants).with_naming(move |tenant, request| {
            let token = issuer.token(tenant.member().subject().as_str());
            let bearer = format!("Bearer {}", token.with_claim("name", "somebody").sign());
            let headers = request.headers_mut();
            headers.insert("x-tenant-id", tenant.id().as_str().parse().unwrap());
            headers.insert("authorization", bearer.parse().unwrap());
        });
        for (method, path, body) in [
            ("GET", "/tickets", ""),
            ("GET", "/tickets/1", ""),
            ("POST", "/tickets", r#"{"title": "new"}"#),
            ("PUT", "/tickets/1", r#"{"title": "changed", "is_open": false}"#),
            ("DELETE", "/tickets/1", ""),
        ] {
            let request = Request::builder().method(method).uri(path);
            let request = request.header("content-type", "application/json");
            check = check.with_request(request.body(Bytes::from_static(body.as_bytes())).unwrap());
        }
        let checked = check.run(
            async |tenant, mark| {
                let mut tx = tickets.db.begin(&tenant.admitted()).await?;
                for sql in [
                    "insert into people (subject, name) values ('planted', 'somebody')
                         on conflict on constraint people_pkey do nothing",
                    "insert into counters (name, value) values ('ticket', 1)
                         on conflict on constraint counters_pkey do nothing",
                ] {
                    sqlx::query(sql).execute(&mut *tx).await?;
                }
                // Again, where a request has removed the mark.
                let sql = "insert into tickets (number, title, body, author) values (1, $1, $1, 'planted')
                    on conflict on constraint tickets_pkey do update set title = excluded.title, body = excluded.body";
                sqlx::query(sql).bind(mark.as_str()).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
            },
            async |request| {
                let answer = tickets.service.clone().oneshot(request.map(Body::from)).await?;
                Ok(collect(answer).await?)
            },
            async |tenant| {
                let mut tx = tickets.db.begin_read(&tenant.admitted()).await?;
                let sql = "select coalesce(string_agg(t::text, ' ' order by number), '') from tickets t";
                let rows: String = sqlx::query_scalar(sql).fetch_one(&mut *tx).await?;
                Ok(rows.into())
            },
        );
        checked.await.unwrap();
    }
}

async fn wait_for(happened: impl AsyncFn() -> bool) {
    for _ in 0..1000 {
        if happened().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it has not happened in ten seconds");
}
