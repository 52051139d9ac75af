//! Limits of each tenant: what is counted, who is charged, and until when.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use tenancy_cache::TenantSettings;
use tenancy_core::directory::{Change, Invalidate, SettingsDocument, SettingsSource};
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, TenantId};
use tenancy_http::{Limits, ManualClock, Rate, TenantLimiter};
use tenancy_limits::LimitSettings;

use crate::client::{Client, Protocol, member, on_one_thread};
use crate::policies::{ACME, Asked, Call, MEMBER, NOBODY, STRANGER, told};
use crate::probe::Signals;
use crate::server::{Application, Around, Serve, start};
use crate::{on_each_framework, tenants};

on_each_framework!(
    what_is_beyond_the_rate_is_refused,
    a_request_is_counted_once,
    nobody_but_members_is_charged,
    a_request_is_under_way_until_its_handler_is_dropped,
    a_request_is_under_way_until_its_body_is_dropped,
    a_panic_leaves_nothing_under_way,
    a_rate_is_of_one_tenant,
    a_tenant_has_the_limits_of_its_settings,
);

const BOB: Call<'_> = (Some("bob"), Some("globex"));
const HOUR: Duration = Duration::from_secs(3600);

/// Two requests an hour, by a clock that stands still.
fn two_an_hour() -> (Arc<TenantLimiter>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let limits = Limits::none().with_rate(Rate::new(2, HOUR).unwrap());
    let limiter = TenantLimiter::new(limits).with_clock(Arc::clone(&clock));
    (Arc::new(limiter), clock)
}

fn one_at_a_time() -> Arc<TenantLimiter> {
    Arc::new(TenantLimiter::new(Limits::none().with_under_way(1)))
}

/// Over each version of HTTP, with answers that are available at once and with others.
fn with_each(test: impl AsyncFn(Protocol, bool)) {
    on_one_thread(async {
        for protocol in Protocol::ALL {
            for waits in [false, true] {
                test(protocol, waits).await;
            }
        }
    });
}

fn what_is_beyond_the_rate_is_refused(serve: Serve) {
    with_each(async |protocol, waits| {
        let (limiter, clock) = two_an_hour();
        let mut asked = Asked::of(serve, tenants::limited(waits, &limiter), protocol).await;
        for _ in 0..2 {
            assert_eq!(asked.get("/scoped", MEMBER).await.status, 200);
        }
        asked.signals.take_runs();
        let refused = asked.get("/scoped", MEMBER).await;
        assert_eq!(told(&refused), "429 rate_limited");
        assert_eq!(refused.field("retry-after"), Some("1800"));
        assert_eq!(refused.field("cache-control"), Some("no-store"));
        assert_eq!(refused.field("content-type"), Some("application/problem+json"));
        assert_eq!(refused.varies_by(), ["authorization", "x-tenant-id"]);
        assert_eq!(asked.signals.take_runs(), 0);
        clock.advance(HOUR / 2);
        assert_eq!(asked.get("/scoped", MEMBER).await.status, 200);
        assert_eq!(asked.get("/scoped", MEMBER).await.status, 429);
        // What is under no policy is not the tenant's.
        assert_eq!(told(&asked.get("/central", MEMBER).await), "200 central");
    });
}

fn a_request_is_counted_once(serve: Serve) {
    with_each(async |protocol, waits| {
        for path in [
            "/scoped",
            "/optional",
            "/scoped-in-public",
            "/public-in-scoped",
            "/scoped-in-optional",
            "/optional-in-scoped",
            "/scoped-three-times",
            "/table/member",
            "/table/x",
        ] {
            let (limiter, _clock) = two_an_hour();
            let mut asked = Asked::of(serve, tenants::limited(waits, &limiter), protocol).await;
            for expected in [false, false, true] {
                let answer = asked.get(path, MEMBER).await;
                assert_eq!(answer.status == 429, expected, "{path} {answer:?}");
            }
        }
    });
}

fn nobody_but_members_is_charged(serve: Serve) {
    with_each(async |protocol, waits| {
        let (limiter, _clock) = two_an_hour();
        let mut asked = Asked::of(serve, tenants::limited(waits, &limiter), protocol).await;
        for _ in 0..10 {
            for (path, call) in [
                ("/scoped", STRANGER),
                ("/scoped", ACME),
                ("/scoped", (Some("bad"), Some("acme"))),
                ("/scoped", NOBODY),
                ("/public", NOBODY),
                ("/public", ACME),
                ("/public", STRANGER),
                ("/optional", STRANGER),
                ("/optional", NOBODY),
                ("/scoped-in-public", STRANGER),
            ] {
                assert_ne!(asked.get(path, call).await.status, 429, "{path} {call:?}");
            }
        }
        assert_eq!(limiter.tenants(), 0, "strangers leave no counters");
        for call in [MEMBER, BOB] {
            for expected in [200, 200, 429] {
                assert_eq!(asked.get("/scoped", call).await.status, expected, "{call:?}");
            }
        }
    });
}

fn a_rate_is_of_one_tenant(serve: Serve) {
    with_each(async |protocol, waits| {
        let (limiter, _clock) = two_an_hour();
        let mut asked = Asked::of(serve, tenants::limited(waits, &limiter), protocol).await;
        for _ in 0..20 {
            asked.get("/scoped", MEMBER).await;
        }
        assert_eq!(told(&asked.get("/scoped", BOB).await), "200 globex header bob");
    });
}

/// The settings of acme. Those of other tenants are empty.
#[derive(Clone, Default)]
struct OfAcme(Arc<Mutex<&'static str>>);

impl SettingsSource for OfAcme {
    type Error = Infallible;

    async fn settings_of(&self, tenant: &TenantId) -> Result<Option<SettingsDocument>, Infallible> {
        let json = if tenant.as_str() == "acme" {
            *self.0.lock().unwrap()
        } else {
            "{}"
        };
        Ok(Some(SettingsDocument::new(json, 1)))
    }
}

impl OfAcme {
    /// As a change that was notified and has been read.
    async fn set(&self, json: &'static str, settings: &TenantSettings<LimitSettings>) {
        *self.0.lock().unwrap() = json;
        let acme: TenantId = "acme".parse().unwrap();
        settings.invalidate(&Change::Settings { tenant: acme.clone() });
        let (resolver, alice) = (ResolverName::from_static("header"), "alice".parse().unwrap());
        let member = Admitted::dangerously_assume(tenants::record("acme"), resolver, alice);
        let _ = settings.of(&member).await;
    }
}

fn a_tenant_has_the_limits_of_its_settings(serve: Serve) {
    with_each(async |protocol, waits| {
        let stored = OfAcme::default();
        let builder = TenantSettings::<LimitSettings>::builder(stored.clone());
        let settings: TenantSettings<LimitSettings> = builder.with_key("limits").build().unwrap();
        let every_tenant = Limits::none().with_rate(Rate::new(2, HOUR).unwrap());
        let limiter = settings.limiter(every_tenant).with_clock(ManualClock::new());
        stored
            .set(r#"{"limits": {"requests_per_second": 1, "burst": 3}}"#, &settings)
            .await;
        let tenancy = tenants::limited(waits, &Arc::new(limiter));
        let mut asked = Asked::of(serve, tenancy, protocol).await;
        for expected in [200, 200, 200, 429] {
            assert_eq!(asked.get("/scoped", MEMBER).await.status, expected);
        }
        stored
            .set(r#"{"limits": {"requests_per_second": 1, "burst": 4}}"#, &settings)
            .await;
        for expected in [200, 429] {
            assert_eq!(asked.get("/scoped", MEMBER).await.status, expected, "without a restart");
        }
        stored.set(r#"{"limits": {"burst": 1000}}"#, &settings).await;
        for expected in [200, 429] {
            assert_eq!(asked.get("/scoped", MEMBER).await.status, expected, "as every tenant");
        }
        for expected in [200, 200, 429] {
            assert_eq!(asked.get("/scoped", BOB).await.status, expected, "as every tenant");
        }
    });
}

/// A connection to an application in which each tenant has one request at a time, and another one for the request that
/// stays.
async fn two_clients(serve: Serve, protocol: Protocol, waits: bool) -> (Client, Client, Signals) {
    let signals = Signals::new();
    let application = Application {
        tenancy: tenants::limited(waits, &one_at_a_time()),
        around: Around::Nothing,
        signals: signals.clone(),
    };
    let address = start(serve, application).await;
    let client = Client::connect(address, protocol).await;
    (client, Client::connect(address, protocol).await, signals)
}

/// Asks until the tenant's only place is free. The server learns of a client that has left in its own time.
async fn until_free(client: &mut Client) {
    while client.get("/probe/reads", Some("acme")).await.0 == 429 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(client.get("/probe/reads", Some("acme")).await, (200, "acme".into()));
}

async fn is_taken(client: &mut Client) {
    let refused = client.send(member("/probe/reads", Some("acme"))).await;
    assert_eq!(told(&refused), "429 too_many_requests_under_way");
    assert_eq!(refused.field("retry-after"), Some("1"));
    assert_eq!(client.get("/probe/reads", Some("globex")).await, (200, "globex".into()));
}

fn a_request_is_under_way_until_its_handler_is_dropped(serve: Serve) {
    with_each(async |protocol, waits| {
        let (mut client, mut leaving, signals) = two_clients(serve, protocol, waits).await;
        let request = tokio::spawn(async move {
            let _ = leaving.exchange(member("/probe/wait", Some("acme"))).await;
        });
        signals.a_handler_waits().await;
        is_taken(&mut client).await;
        request.abort();
        signals.it_is_cancelled().await;
        until_free(&mut client).await;
    });
}

fn a_request_is_under_way_until_its_body_is_dropped(serve: Serve) {
    with_each(async |protocol, waits| {
        let (mut client, mut reading, _) = two_clients(serve, protocol, waits).await;
        let mut response = reading.exchange(member("/held", Some("acme"))).await.unwrap();
        assert_eq!(response.status(), 200);
        let first = response.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "acme ");
        is_taken(&mut client).await;
        drop((response, reading));
        until_free(&mut client).await;
        // One that is read to its end leaves nothing.
        for _ in 0..3 {
            assert_eq!(client.get("/stream", Some("acme")).await.0, 200);
            until_free(&mut client).await;
        }
    });
}

fn a_panic_leaves_nothing_under_way(serve: Serve) {
    with_each(async |protocol, waits| {
        let (mut client, mut broken, _) = two_clients(serve, protocol, waits).await;
        assert!(broken.exchange(member("/probe/panic", Some("acme"))).await.is_err());
        until_free(&mut client).await;
    });
}
