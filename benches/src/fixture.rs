//! The request and the tenants of all groups.

use http::request::Parts;
use std::sync::LazyLock;

use http::header::HOST as HOST_FIELD;
use http::{HeaderName, Request};
use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{AnyResolver, HeaderResolver, PathResolver, ResolverChain, SubdomainResolver};

pub(crate) const HEADER: &str = "x-tenant-id";
pub(crate) const BASE: &str = "app.example.com";
pub(crate) const HOST: &str = "acme.app.example.com";
pub(crate) const PATH: &str = "/api/v1/acme/notes";

/// A request as a browser's script sends it: eight fields.
pub(crate) fn parts(host: &str, path: &str, names_tenant: bool) -> Parts {
    let request = Request::get(path)
        .header("host", host)
        .header(
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        )
        .header("accept", "application/json")
        .header("accept-language", "en-US,en;q=0.5")
        .header("accept-encoding", "gzip, deflate, br")
        .header("referer", "https://acme.app.example.com/notes")
        .header("x-request-id", "0b8f4a1e-6f0d-4b6c-9a39-5d8c1c9b3c11");
    let request = if names_tenant {
        request.header(HEADER, "acme")
    } else {
        request.header("x-other", "acme")
    };
    request.body(()).unwrap().into_parts().0
}

/// A request that every resolver finds the tenant in.
pub fn named() -> Parts {
    parts(HOST, PATH, true)
}

/// A request that no resolver finds one in.
pub fn nameless() -> Parts {
    parts(BASE, "/health", false)
}

/// The resolver of the header field.
pub fn header() -> AnyResolver {
    HeaderResolver::new(HEADER.parse().unwrap()).into()
}

/// The resolver of the host's first label.
pub fn subdomain() -> AnyResolver {
    SubdomainResolver::new(BASE.parse().unwrap()).into()
}

/// The resolver of a part of the path.
pub fn path() -> AnyResolver {
    PathResolver::new("/api/v1/{tenant}".parse().unwrap()).into()
}

/// These, in this order.
pub fn chain(resolvers: impl IntoIterator<Item = AnyResolver>) -> ResolverChain {
    let resolvers = resolvers.into_iter();
    resolvers.fold(ResolverChain::new(), |chain, resolver| chain.then(resolver).unwrap())
}

pub(crate) fn header_name() -> HeaderName {
    HEADER.parse().unwrap()
}

/// The names that the resolvers ask for, as an adapter keeps them ready.
pub fn names() -> &'static [HeaderName] {
    static NAMES: LazyLock<[HeaderName; 2]> = LazyLock::new(|| [HOST_FIELD, header_name()]);
    &*NAMES
}

/// Of a member.
pub fn claims() -> Claims {
    Claims::new("alice".parse().unwrap()).with_tenant(TenantKey::Id("acme".parse().unwrap()))
}

/// `acme`, and as many others as make `number`.
pub fn directory(number: usize) -> MemoryDirectory {
    let others = (1..number).map(|place| format!("t{place}"));
    let entries = std::iter::once("acme".to_owned()).chain(others);
    let entry = |id: String| MemoryEntry::new(TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap()));
    MemoryDirectory::new(entries.map(entry)).unwrap()
}
