//! Which filter, handler and body runs in whose scope.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use tenancy_core::context;
use tenancy_core::request::Claims;
use tenancy_http::ClaimsFromExtension;
use tenancy_warp::{Tenancy, Tenant, enforce, optional_tenant, tenant, visitor};
use tower::{Layer, Service, ServiceExt};
use warp::{Filter, Reply};

use crate::support;
use crate::support::{Answers, ask, enforcer, erased, is, request, tenancy};

/// The tenant in scope, or `-`.
fn here() -> String {
    context::current_visit().map_or_else(|_| "-".to_owned(), |visit| visit.id().to_string())
}

/// Says in the body of the response where it was asked.
fn said() -> impl Filter<Extract = (String,), Error = Infallible> + Copy {
    warp::any().map(here)
}

#[tokio::test]
async fn a_handler_runs_in_scope_from_its_first_instruction_on() {
    let tenancy = tenancy();
    // The closure of `then` runs before the future that it makes.
    let then = warp::path!("then").and(enforce()).then(|| {
        let at_first = here();
        async move {
            let in_future = here();
            tokio::task::yield_now().await;
            format!("{at_first} {in_future} {}", here())
        }
    });
    let map = warp::path!("map").and(tenant()).map(|_: Tenant| here());
    let filters = warp::path!("filters")
        .and(said())
        .and(enforce())
        .and(said())
        .map(|before, behind| format!("{before} {behind}"));
    let app = tenancy.scoped(then.or(map).or(filters));
    for (uri, expected) in [("/then", "acme acme acme"), ("/map", "acme"), ("/filters", "- acme")] {
        assert_eq!(ask(&app, uri, Some("alice"), Some("acme")).await, is(200, expected));
        assert!(context::bound().is_none());
    }
}

#[tokio::test]
async fn a_handler_runs_in_scope_where_the_decision_had_to_be_waited_for() {
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), Answers::Late)
        .with_authorizer(Answers::Late)
        .build();
    let app = tenancy.scoped(enforce().then(|| {
        let at_first = here();
        async move {
            tokio::task::yield_now().await;
            format!("{at_first} {}", here())
        }
    }));
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await, is(200, "acme acme"));
}

#[tokio::test]
async fn the_scope_ends_with_the_policy() {
    let tenancy = tenancy();
    // Admitted, then rejected: the sibling runs without the tenant, and cannot ask for it.
    let rejected = || tenancy.scoped(enforce().and(warp::header::<u8>("x-absent")).map(|_| String::new()));
    let sibling = rejected().or(said());
    assert_eq!(ask(&sibling, "/", Some("alice"), Some("acme")).await, is(200, "-"));
    let asks = rejected().or(tenant().map(|_| here()));
    assert_eq!(ask(&asks, "/", Some("alice"), Some("acme")).await, is(500, "internal"));
    // The access policy of a sibling decides for itself.
    let public = rejected().or(tenancy.public(visitor().map(|_| format!("{:?}", context::current().is_ok()))));
    assert_eq!(ask(&public, "/", Some("alice"), Some("acme")).await, is(200, "false"));
    // What stands behind the access policy, or sees its answer, does neither.
    let behind = tenancy
        .scoped(enforce().and(said()))
        .and(said())
        .map(|_, said: String| said);
    assert_eq!(ask(&behind, "/", Some("alice"), Some("acme")).await, is(200, "-"));
    let asks_behind = tenancy.scoped(enforce().and(said())).and(tenant()).map(|_, _| here());
    assert_eq!(
        ask(&asks_behind, "/", Some("alice"), Some("acme")).await,
        is(500, "internal")
    );
}

#[tokio::test]
async fn inside_an_outer_policy_or_layer_the_outer_scope_comes_back() {
    let tenancy = tenancy();
    let inner = || tenancy.scoped(enforce().and(warp::header::<u8>("x-absent")).map(|_| String::new()));
    let is_member = || format!("{} {}", here(), context::current().is_ok());
    let app = tenancy.public(
        visitor()
            .map(drop)
            .untuple_one()
            .and(erased(inner().or(warp::any().map(is_member)))),
    );
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await, is(200, "acme false"));
    let app = inner().or(visitor().map(move |_| is_member()));
    let app = support::of_tower().public().layer(tenancy_warp::service(app));
    let response = app.oneshot(request("/", Some("alice"), Some("acme"))).await.unwrap();
    assert_eq!(response.collect().await.unwrap().to_bytes(), "acme false");
}

/// The member's tenant in scope, twice.
fn streamed() -> impl Reply {
    let member = || context::current().map_or_else(|_| "-".to_owned(), |tenant| tenant.id().to_string());
    warp::reply::stream(stream::iter(0..2).map(move |_| Ok::<_, Infallible>(member())))
}

#[tokio::test]
async fn a_streamed_body_is_polled_in_scope() {
    let tenancy = tenancy();
    let scoped = tenancy.scoped(enforce().map(streamed));
    assert_eq!(
        ask(&scoped, "/", Some("alice"), Some("acme")).await,
        is(200, "acmeacme")
    );
    // Of the innermost access policy.
    let nested = tenancy.public(tenancy.scoped(enforce().map(streamed)));
    assert_eq!(
        ask(&nested, "/", Some("alice"), Some("acme")).await,
        is(200, "acmeacme")
    );
    let central = warp::any().map(streamed);
    assert_eq!(ask(&central, "/", Some("alice"), Some("acme")).await, is(200, "--"));
    // A sibling's body has no scope, whether the access policy rejected or what stands around it.
    let rejected = tenancy.scoped(enforce().and(warp::header::<u8>("x-absent")).map(|_| ""));
    let sibling = rejected.or(warp::any().map(streamed));
    assert_eq!(ask(&sibling, "/", Some("alice"), Some("acme")).await, is(200, "--"));
    let turned_down = tenancy
        .scoped(enforce().map(streamed))
        .and_then(|_| async { Err::<String, _>(warp::reject::not_found()) });
    let sibling = turned_down.or(warp::any().map(streamed));
    assert_eq!(ask(&sibling, "/", Some("alice"), Some("acme")).await, is(200, "--"));
    // Decorated outside of the access policy, it is the same body.
    let decorated = scoped.map(|reply| warp::reply::with_header(reply, "x-outside", "1"));
    assert_eq!(
        ask(&decorated, "/", Some("alice"), Some("acme")).await,
        is(200, "acmeacme")
    );
    assert!(context::bound().is_none());
}

#[tokio::test]
async fn optional_policies_bind_no_tenant_where_none_is_named() {
    let outer = tenancy();
    let app =
        outer.optional(optional_tenant().map(|tenant: Option<Tenant>| format!("{} {}", here(), tenant.is_some())));
    assert_eq!(ask(&app, "/", None, None).await, is(200, "- false"));
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await, is(200, "acme true"));
}

#[tokio::test]
async fn two_requests_in_turns_do_not_see_each_other() {
    let app = tenancy().public(enforce().then(|| async {
        let mut seen = here();
        for _ in 0..3 {
            tokio::task::yield_now().await;
            seen.push_str(&here());
        }
        seen
    }));
    let (acme, globex) = tokio::join!(ask(&app, "/", None, Some("acme")), ask(&app, "/", None, Some("globex")));
    assert_eq!(
        (acme, globex),
        (is(200, "acmeacmeacmeacme"), is(200, "globexglobexglobexglobex"))
    );
}

#[tokio::test]
async fn a_panic_or_an_abandoned_request_leaves_nothing_behind() {
    let tenancy = tenancy();
    let panics = warp::path!("panics")
        .and(enforce())
        .map(|| -> String { panic!("on purpose") });
    let hangs = warp::path!("hangs").and(enforce()).then(std::future::pending::<String>);
    let app = tenancy.scoped(panics.or(hangs)).or(said());
    let mut service = tenancy_warp::service(app.clone());
    // On this very thread, as the runtime has but one.
    let panicked = tokio::spawn(service.call(request("/panics", Some("alice"), Some("acme"))));
    assert!(panicked.await.unwrap_err().is_panic());
    assert!(context::bound().is_none());
    {
        let mut hanging = pin!(service.call(request("/hangs", Some("alice"), Some("acme"))));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(hanging.as_mut().poll(&mut cx).is_pending());
        assert!(context::bound().is_none());
    }
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await, is(200, "-"));
}

#[tokio::test]
async fn a_request_abandoned_while_it_is_decided_on_leaves_nothing_behind() {
    let of = |directory| -> Tenancy {
        Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), directory)
            .with_authorizer(Answers::Late)
            .build()
    };
    let hangs = of(Answers::Never).scoped(warp::path!("hangs").and(enforce()).map(here));
    let app = hangs.or(of(Answers::Late).scoped(warp::path!("goes").and(enforce()).map(here)));
    let mut service = tenancy_warp::service(app.clone());
    {
        let mut deciding = pin!(service.call(request("/hangs", Some("alice"), Some("acme"))));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(deciding.as_mut().poll(&mut cx).is_pending());
        assert!(deciding.as_mut().poll(&mut cx).is_pending());
        assert!(context::bound().is_none());
    }
    assert_eq!(
        ask(&app, "/goes", Some("alice"), Some("globex")).await,
        is(200, "globex")
    );
}

/// The turn that an access policy gives back is taken again at once, not when the task is woken.
#[tokio::test]
async fn a_ready_handler_answers_in_one_poll() {
    let app = tenancy().scoped(tenancy().scoped(enforce().map(here)));
    let mut answering = pin!(tenancy_warp::service(app).oneshot(request("/", Some("alice"), Some("acme"))));
    let polled = poll_fn(|cx| Poll::Ready(answering.as_mut().poll(cx))).await;
    assert!(polled.is_ready());
}

#[tokio::test]
async fn what_a_handler_spawns_is_out_of_scope_unless_it_carries_it() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let app = {
        let seen = Arc::clone(&seen);
        tenancy().scoped(enforce().then(move || {
            let seen = Arc::clone(&seen);
            async move {
                let spawned = tokio::spawn(async { here() }).await.unwrap();
                let carried = tokio::spawn(context::carry(async { here() })).await.unwrap();
                seen.lock().unwrap().extend([spawned, carried]);
                ""
            }
        }))
    };
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await.0, 200);
    assert_eq!(*seen.lock().unwrap(), ["-", "acme"]);
}
