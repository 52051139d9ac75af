use ::warp::filters::BoxedFilter;
use ::warp::http::StatusCode;
use ::warp::reply::{Response, with_header, with_status};
use ::warp::{Filter, Rejection, Reply};
use tenancy_warp::{Tenancy, Tenant, Visitor, optional_tenant, tenant, visitor};

use crate::probe::{self, Signals};
use crate::tenants;

/// Routes of one kind, however they are made.
type Routes = BoxedFilter<(Response,)>;

pub(in crate::server) fn routes(tenancy: &Tenancy, signals: &Signals) -> Routes {
    let member = |path: &'static str| member(path, signals);
    let maybe = |path: &'static str| maybe(path, signals);
    let visit = |path: &'static str| visit(path, signals);
    let varied = self::member("varied", signals).map(|reply| {
        let [(vary, fields), (name, value)] = probe::FIELDS;
        with_header(with_header(reply, vary, fields), name, value)
    });
    let unguarded = any_of([
        below("unguarded", member("member")),
        below("unguarded", maybe("maybe")),
        below("unguarded", visit("visitor")),
    ]);
    let by_path = ::warp::path("t")
        .and(::warp::path::param())
        .map(|_: String| ())
        .untuple_one();
    let table = below("table", member("member")).or(::warp::path("table")
        .and(tenant())
        .map(|tenant: Tenant| with_status(probe::unknown(&tenant), StatusCode::NOT_FOUND)));
    any_of([
        unguarded,
        erased(tenancy.scoped(member("scoped"))),
        erased(tenancy.scoped(by_path.and(self::member("", signals)))),
        erased(tenancy.scoped(varied)),
        erased(tenancy.optional(maybe("optional"))),
        erased(tenancy.optional(member("member-in-optional"))),
        erased(tenancy.public(visit("public"))),
        erased(tenancy.public(member("member-in-public"))),
        erased(tenancy.public(maybe("maybe-in-public"))),
        erased(tenancy.scoped(table)),
        nested(tenancy, signals),
    ])
}

fn nested(tenancy: &Tenancy, signals: &Signals) -> Routes {
    let second = Tenancy::from(tenants::prompt());
    let by_path = Tenancy::from(tenants::by_path_for_everyone());
    let visit = |path: &'static str| visit(path, signals);
    let maybe = |path: &'static str| maybe(path, signals);
    let three_times = tenancy.scoped(tenancy.scoped(member("scoped-three-times", signals)));
    let in_path = ::warp::path("t")
        .and(::warp::path::param())
        .map(|_: String| ())
        .untuple_one();
    any_of([
        erased(tenancy.public(tenancy.scoped(visit("scoped-in-public")))),
        erased(tenancy.scoped(tenancy.public(visit("public-in-scoped")))),
        erased(tenancy.optional(tenancy.scoped(visit("scoped-in-optional")))),
        erased(tenancy.scoped(tenancy.optional(maybe("optional-in-scoped")))),
        erased(tenancy.public(tenancy.optional(maybe("optional-in-public")))),
        erased(tenancy.scoped(three_times)),
        erased(tenancy.scoped(second.public(visit("another-public-in-scoped")))),
        erased(tenancy.scoped(by_path.public(in_path.and(visit("public"))))),
    ])
}

/// The route extracts the tenant before the method, so that every method is enforced. An empty name is the end of a path.
fn member(path: &'static str, signals: &Signals) -> Routes {
    let signals = signals.clone();
    let handler = move |tenant: Tenant| probe::member(&signals, &tenant);
    erased(exactly(path).and(tenant()).and(get()).map(handler))
}

fn maybe(path: &'static str, signals: &Signals) -> Routes {
    let signals = signals.clone();
    let handler = move |tenant: Option<Tenant>| probe::maybe(&signals, tenant.as_deref());
    erased(exactly(path).and(optional_tenant()).and(get()).map(handler))
}

fn visit(path: &'static str, signals: &Signals) -> Routes {
    let signals = signals.clone();
    let handler = move |visit: Visitor| probe::visitor(&signals, &visit);
    erased(exactly(path).and(visitor()).and(get()).map(handler))
}

pub(in crate::server) fn exactly(path: &'static str) -> BoxedFilter<()> {
    match path {
        "" => ::warp::path::end().boxed(),
        path => ::warp::path(path).and(::warp::path::end()).boxed(),
    }
}

fn below(path: &'static str, routes: Routes) -> Routes {
    ::warp::path(path).and(routes).boxed()
}

pub(in crate::server) fn get() -> BoxedFilter<()> {
    ::warp::get().or(::warp::head()).unify().boxed()
}

pub(in crate::server) fn any_of<const N: usize>(routes: [Routes; N]) -> Routes {
    let mut routes = routes.into_iter();
    let first = routes.next().unwrap();
    routes.fold(first, |routes, route| routes.or(route).unify().boxed())
}

fn erased<F, R>(routes: F) -> Routes
where
    F: Filter<Extract = (R,), Error = Rejection> + Send + Sync + 'static,
    R: Reply + 'static,
{
    routes.map(R::into_response).boxed()
}
