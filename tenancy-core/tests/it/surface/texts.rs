//! What errors and debug output say.

use std::error::Error;

use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantStatus};
use tenancy_core::enforce::{Access, Admitted, Cause, Fault, Refused, Rejection, Step};
use tenancy_core::names::{Domain, ParseProblem, ResolverName, TenantKey};
use tenancy_core::request::{ClaimPath, Claims, Credentials, HeaderList};
use tenancy_core::resolve::{AnyResolver, HeaderResolver, Malformed, ParameterName};
use tenancy_core::testing::InsecureTestStub;

use super::{record, request};

#[test]
fn errors_say_what_is_wrong() {
    let acme = || TenantKey::Id("acme".parse().unwrap());
    let domain = || "a.com".parse::<Domain>().unwrap();
    let two = MemoryDirectory::new([record("acme"), record("acme")].map(MemoryEntry::new)).unwrap_err();
    for (error, part) in [
        (two.to_string(), "two tenants go by the id `acme`"),
        (acme().to_string(), "id `acme`"),
        (TenantKey::Domain(domain()).to_string(), "domain `a.com`"),
        (ClaimPath::literal("").unwrap_err().to_string(), "1 to 128 bytes"),
        ("x".parse::<TenantStatus>().unwrap_err().to_string(), "`suspended`"),
        (Malformed::Tenant.to_string(), "tenant"),
        (Malformed::Host.to_string(), "authority"),
        (
            "".parse::<tenancy_core::names::TenantId>().unwrap_err().to_string(),
            "is empty",
        ),
        (
            "x".repeat(64)
                .parse::<tenancy_core::names::TenantId>()
                .unwrap_err()
                .to_string(),
            "is too long",
        ),
        (
            "X".parse::<tenancy_core::names::TenantId>().unwrap_err().to_string(),
            "character",
        ),
        (ParameterName::parse(b"tenant").unwrap().to_string(), "tenant"),
        (
            format!("{:?}", ParameterName::parse(b"tenant").unwrap()),
            "ParameterName(\"tenant\")",
        ),
    ] {
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
    let long = |len: usize| {
        Domain::parse(format!("{}a", "a.".repeat(len)).as_bytes())
            .unwrap_err()
            .problem()
    };
    assert_eq!((long(127), long(128)), (ParseProblem::TooLong, ParseProblem::TooLong));
    // 254 bytes could be 253 and a trailing dot; here the alphabet is wrong.
    assert_eq!(
        Domain::parse(&[b'!'; 254]).unwrap_err().problem(),
        ParseProblem::Alphabet
    );
    assert_eq!(
        Domain::parse(&[b'!'; 255]).unwrap_err().problem(),
        ParseProblem::TooLong
    );
}

#[test]
fn faults_keep_their_sources() {
    #[derive(Debug)]
    struct Down(&'static str);
    impl std::fmt::Display for Down {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }
    impl Error for Down {}
    for (fault, message, source) in [
        (
            Fault::Directory(Down("the disk")),
            "failed to query the directory",
            "the disk",
        ),
        (
            Fault::Authorizer(Down("the net")),
            "failed to query the authorizer",
            "the net",
        ),
    ] {
        // A report prints both, and each once.
        assert_eq!(fault.to_string(), message);
        assert_eq!(fault.source().unwrap().to_string(), source);
        let refused = Refused {
            rejection: Rejection::new(Cause::DirectoryUnavailable),
            fault: Some(fault),
        };
        assert_eq!(refused.to_string(), refused.rejection.to_string());
        assert_eq!(refused.source().unwrap().to_string(), message);
    }
    let plain: Refused<Down, Down> = Rejection::new(Cause::NotAMember).into();
    assert!(plain.source().is_none());
}

#[test]
fn debug_output_holds_no_secrets() {
    let fields = [("authorization", b"Bearer 5ecret".as_slice()), ("x-tenant-id", b"acme")];
    let headers = HeaderList::new(&fields);
    let claims = Claims::new("5ecret".parse().unwrap());
    let request = request(&headers, Credentials::Verified(&claims));
    assert_eq!(format!("{headers:?}"), r#"["authorization", "x-tenant-id"]"#);
    assert_eq!(format!("{request:?}"), "RequestView { version: Http11, .. }");
    for (credentials, text) in [
        (Credentials::Absent, "Absent"),
        (Credentials::Malformed, "Malformed"),
        (Credentials::Invalid, "Invalid"),
        (Credentials::Verified(&claims), "Verified"),
    ] {
        assert_eq!(format!("{credentials:?}"), text);
    }
    let enforcer = InsecureTestStub::enforcer();
    let mut key = None;
    let Step::Lookup(lookup) = enforcer.begin(&request, Access::Scoped, &mut key) else {
        panic!("no look-up")
    };
    assert_eq!(
        format!("{lookup:?}"),
        "Lookup { resolver: ResolverName(\"header\"), key: Id(TenantId(\"acme\")), .. }"
    );
    let Step::Authorize(authorize) = lookup.found(&record("acme")) else {
        panic!("no authorization")
    };
    let text = "Authorize { resolver: ResolverName(\"header\"), tenant: TenantId(\"acme\"), .. }";
    assert_eq!(format!("{authorize:?}"), text);
    let resolver = AnyResolver::from(HeaderResolver::new("x".parse().unwrap()));
    assert_eq!(format!("{resolver:?}"), "AnyResolver(ResolverName(\"header\"))");
}

#[test]
fn names_compare_with_text() {
    let id: tenancy_core::names::TenantId = "acme".parse().unwrap();
    assert!(id == *"acme" && id == "acme" && id != "globex");
    assert_eq!((id.as_ref(), id.to_slug().as_str()), ("acme", "acme"));
    assert_eq!(TenantKey::External("org_A".parse().unwrap()).as_str(), "org_A");
    assert_eq!(TenantKey::Slug("a".parse().unwrap()).to_string(), "slug `a`");
    assert_eq!(TenantKey::External("a".parse().unwrap()).to_string(), "external id `a`");
    let member = Admitted::dangerously_assume(record("acme"), ResolverName::from_static("job"), "a".parse().unwrap());
    let visit = member.to_visit();
    assert_eq!(
        (member.slug(), member.tenant(), member.resolver()),
        (visit.slug(), visit.tenant(), visit.resolver())
    );
    assert_eq!((member.id(), member.subject().as_str()), (visit.id(), "a"));
}

#[test]
#[should_panic(expected = "not well formed")]
fn a_name_in_the_source_that_is_none_is_a_bug() {
    let _ = ResolverName::from_static("Not a name");
}
