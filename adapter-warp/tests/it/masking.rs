//! A refused request is answered at once: no route beside its access policy, and nothing around it, answers instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, StatusCode};
use tenancy_warp::{TenantRejection, enforce, tenant};
use warp::{Filter, Rejection, Reply};

use crate::support::{ask, erased, is, request, send, tenancy, whoami, with_method};

/// How often a handler ran.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn handler(&self) -> impl Fn() -> &'static str + Clone + Send + Sync + 'static {
        let runs = Arc::clone(&self.0);
        move || {
            runs.fetch_add(1, Ordering::Relaxed);
            "masked"
        }
    }

    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// `GET /a`, which takes a number in the field `x-number` behind the tenant.
fn a() -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::path!("a")
        .and(warp::get())
        .and(tenant())
        .and(warp::header::optional::<u8>("x-number"))
        .then(|tenant, _| whoami(tenant))
}

/// Subject, tenant, and the refusal under `scoped`.
const REFUSED: [(Option<&str>, Option<&str>, u16, &str); 5] = [
    (None, None, 401, "tenant_required"),
    (None, Some("acme"), 401, "credentials_required"),
    (Some("alice"), Some("globex"), 403, "forbidden"),
    (Some("alice"), Some("nobody"), 403, "forbidden"),
    (Some("alice"), Some("A B"), 400, "malformed_tenant"),
];

#[tokio::test]
async fn a_refused_request_goes_to_no_sibling_and_an_unmatched_one_does() {
    let runs = Runs::default();
    let app = tenancy().scoped(a()).or(warp::any().map(runs.handler()));
    for (subject, tenant, status, code) in REFUSED {
        assert_eq!(ask(&app, "/a", subject, tenant).await, is(status, code));
        assert_eq!(runs.take(), 0, "{code}");
        // Another path, another method, a path that goes on: no route under the access policy.
        for request in [
            request("/b", subject, tenant),
            request("/a/b", subject, tenant),
            with_method(Method::POST, request("/a", subject, tenant)),
        ] {
            assert_eq!(send(&app, request).await.short(), is(200, "masked"));
            assert_eq!(runs.take(), 1, "{code}");
        }
    }
    assert_eq!(
        ask(&app, "/a", Some("alice"), Some("acme")).await,
        is(200, "acme header alice")
    );
    assert_eq!(runs.take(), 0);
}

#[tokio::test]
async fn a_sibling_of_the_same_path_under_no_policy_or_another_does_not_see_it() {
    let (tenancy, runs) = (tenancy(), Runs::default());
    let same = || warp::path!("a").map(runs.handler());
    let behind = tenancy.scoped(a()).or(same()).or(tenancy.public(enforce().and(same())));
    let before = warp::path!("a")
        .and(warp::post())
        .map(runs.handler())
        .or(tenancy.scoped(a()));
    let needs_a_body = tenancy
        .scoped(a())
        .or(warp::path!("a").and(warp::body::json::<u8>()).map(|_| "masked"));
    for (subject, tenant, status, code) in REFUSED {
        assert_eq!(ask(&behind, "/a", subject, tenant).await, is(status, code));
        assert_eq!(ask(&before, "/a", subject, tenant).await, is(status, code));
        // The body rejection of the sibling (400) is no answer either.
        assert_eq!(ask(&needs_a_body, "/a", subject, tenant).await, is(status, code));
    }
    assert_eq!(runs.take(), 0);
}

#[tokio::test]
async fn a_rejection_from_elsewhere_does_not_become_the_answer() {
    let tenancy = tenancy();
    let not_found = tenancy.scoped(a()).or(warp::path!("b").map(|| ""));
    let method_not_allowed = warp::path!("a").and(warp::post()).map(|| "").or(tenancy.scoped(a()));
    let server_error = warp::path!("a")
        .and(warp::ext::get::<u8>())
        .map(|_| "")
        .or(tenancy.scoped(a()));
    for (subject, tenant, status, code) in REFUSED {
        assert_eq!(ask(&not_found, "/a", subject, tenant).await, is(status, code));
        assert_eq!(ask(&method_not_allowed, "/a", subject, tenant).await, is(status, code));
        assert_eq!(ask(&server_error, "/a", subject, tenant).await, is(status, code));
    }
}

#[tokio::test]
async fn inside_a_policy_a_sibling_does_not_mask_it() {
    let runs = Runs::default();
    let enforced = tenancy().scoped(a().or(warp::any().and(enforce()).map(runs.handler())));
    let silent = tenancy().scoped(a().or(warp::any().map(|| "masked")));
    for (subject, tenant, status, code) in REFUSED {
        for uri in ["/a", "/b"] {
            assert_eq!(ask(&enforced, uri, subject, tenant).await, is(status, code), "{uri}");
        }
        assert_eq!(runs.take(), 0, "{code}");
        assert_eq!(ask(&silent, "/a", subject, tenant).await, is(status, code));
        assert_eq!(ask(&silent, "/b", subject, tenant).await, is(500, "internal"));
    }
    assert_eq!(
        ask(&enforced, "/b", Some("alice"), Some("acme")).await,
        is(200, "masked")
    );
}

#[tokio::test]
async fn a_recover_changes_no_refusal() {
    async fn answers(_: Rejection) -> Result<impl Reply, Rejection> {
        Ok(warp::reply::with_status("recovered", StatusCode::IM_A_TEAPOT))
    }
    async fn exchanges(_: Rejection) -> Result<String, Rejection> {
        Err(warp::reject::not_found())
    }
    async fn finds(rejection: Rejection) -> Result<String, Rejection> {
        match rejection.find::<TenantRejection>() {
            Some(refused) => Ok(format!("found {refused} {:?}", refused.rejection().cause())),
            None => Err(rejection),
        }
    }
    async fn never(_: Rejection) -> Result<&'static str, std::convert::Infallible> {
        Ok("recovered")
    }
    let (tenancy, runs) = (tenancy(), Runs::default());
    let catch_all = || warp::any().map(runs.handler());
    let apps = [
        erased(tenancy.scoped(a().recover(answers)).or(catch_all())),
        erased(tenancy.scoped(a().recover(exchanges)).or(catch_all())),
        erased(tenancy.scoped(a().recover(finds)).or(catch_all())),
        erased(tenancy.scoped(a().recover(never)).or(catch_all())),
        erased(
            tenancy
                .scoped(tenancy.scoped(a().recover(answers)).recover(exchanges))
                .or(catch_all()),
        ),
        erased(tenancy.scoped(a()).recover(answers).or(catch_all())),
        erased(tenancy.scoped(a()).recover(answers)),
        erased(
            tenancy
                .scoped(a())
                .or(warp::path!("b").map(|| ""))
                .with(warp::log("log"))
                .recover(never),
        ),
    ];
    for (subject, tenant, status, code) in REFUSED {
        for (index, app) in apps.iter().enumerate() {
            assert_eq!(ask(app, "/a", subject, tenant).await, is(status, code), "{index}");
            assert_eq!(runs.take(), 0, "{index} {code}");
        }
    }
}

#[tokio::test]
async fn policies_inside_of_policies_give_the_refusal_of_the_first_that_refuses() {
    let (tenancy, runs) = (tenancy(), Runs::default());
    let catch_all = || warp::any().map(runs.handler());
    let scoped_in_optional = tenancy.optional(tenancy.scoped(a()).or(catch_all())).or(catch_all());
    let optional_in_scoped = tenancy.scoped(tenancy.optional(a()).or(catch_all())).or(catch_all());
    for (subject, tenant, status, code) in REFUSED {
        assert_eq!(ask(&scoped_in_optional, "/a", subject, tenant).await, is(status, code));
        assert_eq!(ask(&optional_in_scoped, "/a", subject, tenant).await, is(status, code));
    }
    assert_eq!(runs.take(), 0);
}

/// Filters behind the access policy may reject what it let through, and then siblings are tried. After a refusal they are
/// not.
#[tokio::test]
async fn filters_behind_a_policy_do_not_undo_a_refusal() {
    let runs = Runs::default();
    let header_behind = tenancy()
        .scoped(a())
        .and(warp::header::<u8>("x-behind"))
        .map(|reply, _| reply)
        .or(warp::any().map(runs.handler()));
    let end_behind = warp::path("a")
        .and(tenancy().scoped(tenant().map(|_| "in")))
        .and(warp::path::end())
        .map(|reply| reply)
        .or(warp::any().map(runs.handler()));
    for (subject, tenant, status, code) in REFUSED {
        assert_eq!(ask(&header_behind, "/a", subject, tenant).await, is(status, code));
        assert_eq!(ask(&end_behind, "/a/b", subject, tenant).await, is(status, code));
        assert_eq!(runs.take(), 0, "{code}");
    }
    // Admitted, it is rejected and goes on.
    for (app, path) in [(erased(header_behind), "/a"), (erased(end_behind), "/a/b")] {
        assert_eq!(ask(&app, path, Some("alice"), Some("acme")).await, is(200, "masked"));
    }
}

/// Whatever filters make of rejections, no handler runs for a refused request.
#[tokio::test]
async fn no_handler_runs_for_a_refused_request() {
    let runs = Runs::default();
    let counted = runs.handler();
    let swallowed = tenancy().scoped(
        warp::path!("a")
            .and(tenant().map(Some).or_else(|_| async { Ok::<_, Rejection>((None,)) }))
            .map(move |_| counted()),
    );
    let sibling_inside = tenancy().scoped(a().or(warp::path!("a").map(runs.handler())));
    let recovered = tenancy().scoped(a().recover({
        let handler = runs.handler();
        move |_| {
            let reply = handler();
            async move { Ok::<_, Rejection>(reply) }
        }
    }));
    let apps = [erased(swallowed), erased(sibling_inside), erased(recovered)];
    for (subject, tenant, status, code) in REFUSED {
        for app in &apps {
            assert_eq!(ask(app, "/a", subject, tenant).await, is(status, code));
        }
        assert_eq!(runs.take(), 0, "{code}");
    }
    // A filter of the tenant under no access policy is the server's fault, and final, too.
    let unguarded = warp::path!("a")
        .and(tenant())
        .map(|_| "in")
        .or(warp::any().map(runs.handler()));
    assert_eq!(
        ask(&unguarded, "/a", Some("alice"), Some("acme")).await,
        is(500, "internal")
    );
    assert_eq!(runs.take(), 0);
}

/// A route that asks for no decision is refused alike, with the `Vary` of its access policy.
#[tokio::test]
async fn an_undecided_route_names_what_its_policy_reads() {
    let app = tenancy().scoped(warp::path!("a").map(|| "in"));
    let answer = send(&app, request("/a", Some("alice"), Some("acme"))).await;
    assert_eq!(answer.headers.get("vary").unwrap(), "x-tenant-id, authorization");
    assert_eq!(answer.short(), is(500, "internal"));
}

#[tokio::test]
async fn an_admitted_request_that_is_rejected_later_keeps_its_rejection_and_goes_on() {
    let runs = Runs::default();
    let mut bad = request("/a", Some("alice"), Some("acme"));
    bad.headers_mut().insert("x-number", "none".parse().unwrap());
    let alone = tenancy().scoped(a());
    let answer = send(&alone, bad.clone()).await;
    assert_eq!(answer.short(), is(400, "Invalid request header \"x-number\""));
    let with_sibling = alone.or(warp::any().map(runs.handler()));
    assert_eq!(send(&with_sibling, bad).await.short(), is(200, "masked"));
    assert_eq!(runs.take(), 1);
}
