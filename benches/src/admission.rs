//! Resolve, look up, ask for membership: as functions, with everything warm.

use std::hint::black_box;

use http::HeaderValue;
use http::request::Parts;
use tenancy_core::directory::{ClaimMembership, MemoryDirectory};
use tenancy_core::enforce::{Access, Enforcer, Outcome, drive_now};
use tenancy_core::request::{Credentials, VerifiedClaims};
use tenancy_http::{Authenticator, CachedDirectory, HeaderFields, KeyAlgorithm, TokenVerifier, request_view};

use crate::fixture::{chain, claims, directory, header, header_name, named, names};
use crate::measure::runtime;
use crate::{Group, Row, tokens};

pub(crate) fn group() -> Group {
    let (found, name) = (named().headers, header_name());
    Group::default()
        .row(Row::new("floor: header", move || {
            crate::resolution::copy(black_box(&found).get(&name).unwrap().as_bytes())
        }))
        .row(with_claims())
        .against(["floor: header"], 7.0)
        .row(tokens::verify(KeyAlgorithm::Hs256))
        .row(with_token("admission, token cached", true))
        .row(with_token("admission, token verified", false))
}

/// A directory whose answer for `acme` is kept.
pub(crate) fn warm(number: usize) -> CachedDirectory<MemoryDirectory> {
    use tenancy_core::directory::Directory;
    let directory = CachedDirectory::new(directory(number));
    let key = tenancy_core::names::TenantKey::Id("acme".parse().unwrap());
    assert!(runtime().block_on(directory.find(&key)).unwrap().is_some());
    assert!(directory.peek(&key, |_| ()).is_some());
    directory
}

fn with_claims() -> Row {
    let (enforcer, directory, parts, claims) = (Enforcer::new(chain([header()])), warm(10), named(), claims());
    Row::new("admission, claims of the request", move || {
        admit(&enforcer, &directory, black_box(&parts), Credentials::Verified(&claims));
    })
}

/// Admits a member, or panics.
pub(crate) fn admit(
    enforcer: &Enforcer,
    directory: &CachedDirectory<MemoryDirectory>,
    parts: &Parts,
    credentials: Credentials<&dyn VerifiedClaims>,
) {
    let fields = HeaderFields::new(&parts.headers).with_names(names());
    let request = request_view(parts, &parts.uri, &fields, credentials);
    let mut key = None;
    let step = enforcer.begin(&request, Access::Scoped, &mut key);
    let admitted = drive_now(step, directory, &ClaimMembership);
    assert!(matches!(admitted, Ok(Ok(Outcome::Admitted(_)))));
}

fn with_token(name: &str, is_cached: bool) -> Row {
    let (enforcer, directory, mut parts) = (Enforcer::new(chain([header()])), warm(10), named());
    let token = [b"Bearer ".as_slice(), &tokens::token(KeyAlgorithm::Hs256)].concat();
    parts
        .headers
        .insert("authorization", HeaderValue::from_bytes(&token).unwrap());
    let verifier: TokenVerifier = tokens::verifier(KeyAlgorithm::Hs256, is_cached);
    Row::new(name, move || {
        let parts = black_box(&parts);
        let authentication = verifier.authenticate_now(parts).unwrap();
        admit(&enforcer, &directory, parts, authentication.as_deref());
    })
}
