//! The check for leaks: it sees each kind of leak that is planted here, and nothing in a handler that is right.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tenancy_core::context;
use tenancy_core::directory::TenantStatus;
use tenancy_http::Tenancy;
use tenancy_http::testing::{Leak, LeakCheck, TestTenant, collect, tenancy_of};
use tower::{ServiceBuilder, ServiceExt};

/// Notes by tenant, and what a careless handler has beside them.
#[derive(Default)]
struct World {
    notes: Mutex<BTreeMap<String, Vec<String>>>,
    cached: Mutex<Option<String>>,
    current: Mutex<String>,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl World {
    fn of(&self, tenant: &str) -> String {
        let notes = self.notes.lock().unwrap();
        notes.get(tenant).map(|notes| notes.join("\n")).unwrap_or_default()
    }

    fn all(&self) -> String {
        let notes = self.notes.lock().unwrap();
        notes.values().flatten().cloned().collect::<Vec<_>>().join("\n")
    }

    fn add(&self, tenant: &str, note: impl Into<String>) {
        let mut notes = self.notes.lock().unwrap();
        notes.entry(tenant.to_owned()).or_default().push(note.into());
    }
}

/// What the handler behind the layer does.
#[derive(Clone, Copy, Debug)]
enum Handler {
    Reads,
    Writes,
    Replaces,
    Removes,
    AnswersBase64,
    CachesGlobally,
    ForgetsTheTenant,
    ForgetsTheTenantInAHeader,
    ForgetsTheTenantInBase64,
    UpdatesAll,
    WritesToTheFirst,
    KeepsAGlobalCurrentTenant,
    CopiesToItself,
    ShowsAnExcerpt,
    ShowsAnExcerptInBase64,
    Compresses,
    ShowsNothing,
    Fails,
}

async fn handle(handler: Handler, world: Arc<World>, _: Request<Bytes>) -> Result<Response<String>, Error> {
    let tenant = context::current()?.id().to_string();
    let mut answer = Response::new(world.of(&tenant));
    match handler {
        Handler::Reads => {}
        Handler::Writes => world.add(&tenant, "new"),
        Handler::Replaces => {
            let changed = vec!["changed".to_owned()];
            world.notes.lock().unwrap().insert(tenant, changed);
            answer.body_mut().clear();
        }
        Handler::Removes => {
            world.notes.lock().unwrap().remove(&tenant);
            answer.body_mut().clear();
        }
        Handler::AnswersBase64 => *answer.body_mut() = base64(&world.of(&tenant)),
        Handler::CachesGlobally => {
            let mut cached = world.cached.lock().unwrap();
            *answer.body_mut() = cached.get_or_insert_with(|| world.of(&tenant)).clone();
        }
        Handler::ForgetsTheTenant => *answer.body_mut() = world.all(),
        Handler::ForgetsTheTenantInAHeader => {
            let all = world.all().replace('\n', ", ").parse()?;
            answer.headers_mut().insert("x-notes", all);
        }
        Handler::ForgetsTheTenantInBase64 => *answer.body_mut() = base64(&world.all()),
        Handler::UpdatesAll => {
            for notes in world.notes.lock().unwrap().values_mut() {
                notes.push("done".to_owned());
            }
        }
        Handler::WritesToTheFirst => world.add("acme", "new"),
        Handler::KeepsAGlobalCurrentTenant => {
            *world.current.lock().unwrap() = tenant;
            tokio::task::yield_now().await;
            let tenant = world.current.lock().unwrap().clone();
            *answer.body_mut() = world.of(&tenant);
        }
        Handler::CopiesToItself => {
            let all = world.all();
            world.add(&tenant, all);
        }
        Handler::ShowsAnExcerpt => *answer.body_mut() = excerpts(&world.all()),
        Handler::ShowsAnExcerptInBase64 => *answer.body_mut() = base64(&excerpts(&world.all())),
        // It writes, so that it has done something, and what it shows cannot be read.
        Handler::Compresses => {
            world.add(&tenant, "new");
            *answer.body_mut() = world.all().chars().rev().collect();
            answer.headers_mut().insert("content-encoding", "gzip".parse()?);
        }
        Handler::ShowsNothing => answer.body_mut().clear(),
        Handler::Fails => return Err("no disk".into()),
    }
    Ok(answer)
}

/// The beginning of each line, as lists show it.
fn excerpts(text: &str) -> String {
    text.lines().map(|line| format!("{:.14}…\n", line)).collect()
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("notes: {text}"))
}

async fn check(handler: Handler, tenants: [TestTenant; 2]) -> Result<(), Leak> {
    let world = Arc::new(World::default());
    let tenancy: Tenancy = tenancy_of(tenants.clone());
    let shared = Arc::clone(&world);
    let service = ServiceBuilder::new()
        .layer(tenancy.scoped())
        .service_fn(move |request| handle(handler, Arc::clone(&shared), request));
    LeakCheck::new(tenants)
        .with_request(Request::get("/notes").body(Bytes::new()).unwrap())
        .run(
            async |tenant, mark| {
                world.add(tenant.id().as_str(), mark.as_str());
                Ok(())
            },
            async |request| Ok(collect(service.clone().oneshot(request).await?).await?),
            async |tenant| Ok(world.of(tenant.id().as_str()).into()),
        )
        .await
}

fn tenants() -> [TestTenant; 2] {
    [TestTenant::new("acme"), TestTenant::new("globex")]
}

#[tokio::test]
async fn a_handler_that_is_right_passes() {
    for handler in [
        Handler::Reads,
        Handler::Writes,
        Handler::Replaces,
        Handler::Removes,
        Handler::AnswersBase64,
    ] {
        check(handler, tenants()).await.unwrap();
    }
}

#[tokio::test]
async fn each_kind_of_leak_is_seen() {
    for (handler, expected) in [
        (
            Handler::CachesGlobally,
            "`GET /notes`: the body of the answer to `globex` holds data of `acme`",
        ),
        (
            Handler::ForgetsTheTenant,
            "`GET /notes`: the body of the answer to `acme` holds data of `globex`",
        ),
        (
            Handler::ForgetsTheTenantInAHeader,
            "`GET /notes`: the header x-notes of the answer to `acme` holds data of `globex`",
        ),
        (
            Handler::ForgetsTheTenantInBase64,
            "`GET /notes`: the body of the answer to `acme` holds data of `globex`",
        ),
        (
            Handler::ShowsAnExcerpt,
            "`GET /notes`: the body of the answer to `acme` holds data of `globex`",
        ),
        (
            Handler::ShowsAnExcerptInBase64,
            "`GET /notes`: the body of the answer to `acme` holds data of `globex`",
        ),
        (
            Handler::Compresses,
            "`GET /notes` proves nothing: the answer to `acme` has a content encoding, and cannot be searched",
        ),
        (
            Handler::UpdatesAll,
            "`GET /notes` of `acme` has changed data of `globex`",
        ),
        (
            Handler::WritesToTheFirst,
            "`GET /notes` of `globex` has changed data of `acme`",
        ),
        (
            Handler::KeepsAGlobalCurrentTenant,
            "`GET /notes`: the body of the answer to `acme` holds data of `globex`",
        ),
        (
            Handler::CopiesToItself,
            "`GET /notes`: the data of `acme` holds data of `globex`",
        ),
        (
            Handler::ShowsNothing,
            "`GET /notes` proves nothing: `acme` was answered with 200, without data of its own, and has changed none",
        ),
        (Handler::Fails, "failed to handle for `acme`"),
    ] {
        let leak = check(handler, tenants()).await.unwrap_err();
        assert_eq!(leak.to_string(), expected, "{handler:?}");
    }
}

/// A check whose requests are refused must not pass.
#[tokio::test]
async fn a_check_that_sees_nothing_fails() {
    let [acme, globex] = tenants();
    let globex = globex.with_status(TenantStatus::Suspended);
    let leak = check(Handler::Reads, [acme.clone(), globex]).await.unwrap_err();
    assert!(matches!(leak, Leak::NothingSeen { status: 403, .. }), "{leak:?}");

    let answers = async |_| Ok(Response::new(Bytes::new()));
    let check = LeakCheck::new(tenants());
    let none = check
        .run(async |_, _| Ok(()), answers, async |_| Ok(Bytes::new()))
        .await;
    assert!(matches!(none, Err(Leak::NoRequest)), "{none:?}");
}

/// A request of a right handler may remove the marks. What the next request leaks would not be seen without them.
#[tokio::test]
async fn marks_that_a_request_removes_are_planted_again() {
    let world = World::default();
    let handle = async |request: Request<Bytes>| {
        let tenant = request.headers()["x-tenant-id"].to_str()?.to_owned();
        if request.method() == "PUT" {
            world.notes.lock().unwrap().insert(tenant, vec!["replaced".to_owned()]);
            return Ok(Response::new(Bytes::new()));
        }
        let all = world.all();
        world.add(&tenant, "seen");
        Ok(Response::new(all.into()))
    };
    let leak = LeakCheck::new(tenants())
        .with_request(Request::put("/notes").body(Bytes::new()).unwrap())
        .with_request(Request::get("/notes").body(Bytes::new()).unwrap())
        .run(
            async |tenant, mark| {
                world.add(tenant.id().as_str(), mark.as_str());
                Ok(())
            },
            handle,
            async |tenant| Ok(world.of(tenant.id().as_str()).into()),
        )
        .await;
    assert!(
        matches!(&leak, Err(Leak::Answer { request, .. }) if request == "GET /notes"),
        "{leak:?}"
    );
}

/// Without data to look at, no request could be seen to change another tenant's.
#[tokio::test]
async fn a_check_without_marks_in_the_data_fails() {
    let check = LeakCheck::new(tenants()).with_request(Request::get("/notes").body(Bytes::new()).unwrap());
    let planted = Mutex::new(Vec::new());
    let answers = async |_| Ok(Response::new(Bytes::from(planted.lock().unwrap().join(" "))));
    let plant = async |_: &TestTenant, mark: &tenancy_http::testing::Mark| {
        planted.lock().unwrap().push(mark.to_string());
        Ok(())
    };
    let blind = check.run(plant, answers, async |_| Ok(Bytes::new())).await;
    assert!(
        matches!(&blind, Err(Leak::NotPlanted { tenant }) if tenant == "acme"),
        "{blind:?}"
    );
}

#[tokio::test]
async fn a_response_is_collected_with_its_trailers() {
    use http_body_util::{BodyExt as _, Full};
    let trailers = async {
        Some(Ok([("x-after".parse().unwrap(), "mark".parse().unwrap())]
            .into_iter()
            .collect()))
    };
    let body = Full::new(Bytes::from_static(b"body")).with_trailers(trailers);
    let collected = collect(Response::builder().status(StatusCode::CREATED).body(body).unwrap())
        .await
        .unwrap();
    assert_eq!(
        (collected.status(), &collected.body()[..]),
        (StatusCode::CREATED, &b"body"[..])
    );
    assert_eq!(collected.headers()["x-after"], "mark");
}
