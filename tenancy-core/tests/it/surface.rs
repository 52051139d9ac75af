//! What a client, an operator and an implementer see of the core: texts, defaults, debug output.
#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use tenancy_core::config::TenancyConfig;
use tenancy_core::context::TenantScope;
use tenancy_core::directory::{
    Authorizer, Decision, Directory, Member, Membership, MemoryDirectory, MemoryEntry, TenantEntry, TenantRecord,
    TenantStatus,
};
use tenancy_core::enforce::{
    Access, Admitted, Authorize, Cause, Enforcer, Fault, Outcome, Refused, Rejection, Step, drive, drive_now,
};
use tenancy_core::names::{Domain, FieldName, ParseProblem, ResolverName, Role, Subject, TenantKey};
use tenancy_core::request::{
    ClaimPath, Claims, Credentials, ForwardedField, HeaderList, HostSource, HttpVersion, RequestView, Target,
    VerifiedClaims,
};
use tenancy_core::resolve::{
    AnyResolver, CookieResolver, DomainResolver, HeaderResolver, Malformed, ParameterName, Resolver, ResolverChain,
};
use tenancy_core::testing::{InsecureTestStub, TestTenant};

fn record(id: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
}

fn request<'a>(headers: &'a HeaderList<'a>, credentials: Credentials<&'a dyn VerifiedClaims>) -> RequestView<'a> {
    RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers,
        credentials,
    }
}

#[test]
fn each_refusal_has_its_status_code_challenge_and_body() {
    let bearer = Some("Bearer");
    for (cause, status, title, code, challenge, retry) in [
        (
            Cause::NoTenantNamed,
            401,
            "Unauthorized",
            "tenant_required",
            bearer,
            None,
        ),
        (
            Cause::NoCredentials,
            401,
            "Unauthorized",
            "credentials_required",
            bearer,
            None,
        ),
        (
            Cause::InvalidCredentials,
            401,
            "Unauthorized",
            "invalid_token",
            Some(r#"Bearer error="invalid_token""#),
            None,
        ),
        (
            Cause::AmbiguousCredentials,
            400,
            "Bad Request",
            "malformed_credentials",
            None,
            None,
        ),
        (
            Cause::MalformedTenant,
            400,
            "Bad Request",
            "malformed_tenant",
            None,
            None,
        ),
        (Cause::MalformedHost, 400, "Bad Request", "malformed_host", None, None),
        (
            Cause::ConflictingKeys,
            400,
            "Bad Request",
            "conflicting_tenants",
            None,
            None,
        ),
        (Cause::NotAMember, 403, "Forbidden", "forbidden", None, None),
        (Cause::UnknownTenant, 403, "Forbidden", "forbidden", None, None),
        (Cause::TenantReplaced, 403, "Forbidden", "forbidden", None, None),
        (
            Cause::RateLimited,
            429,
            "Too Many Requests",
            "rate_limited",
            None,
            Some(1),
        ),
        (
            Cause::TooManyRequestsUnderWay,
            429,
            "Too Many Requests",
            "too_many_requests_under_way",
            None,
            Some(1),
        ),
        (Cause::NoLayer, 500, "Internal Server Error", "internal", None, None),
        (Cause::NotEnforced, 500, "Internal Server Error", "internal", None, None),
        (Cause::NotFollowed, 500, "Internal Server Error", "internal", None, None),
        (Cause::VisitOnly, 500, "Internal Server Error", "internal", None, None),
        (
            Cause::DirectoryUnavailable,
            503,
            "Service Unavailable",
            "unavailable",
            None,
            Some(1),
        ),
        (
            Cause::AuthorizerUnavailable,
            503,
            "Service Unavailable",
            "unavailable",
            None,
            Some(1),
        ),
        (
            Cause::TimedOut,
            503,
            "Service Unavailable",
            "unavailable",
            None,
            Some(1),
        ),
    ] {
        let rejection = Rejection::new(cause);
        assert_eq!(
            (rejection.cause(), rejection.status(), rejection.code()),
            (cause, status, code)
        );
        assert_eq!(
            (rejection.www_authenticate(), rejection.retry_after()),
            (challenge, retry),
            "{cause:?}"
        );
        let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"code":"{code}"}}"#);
        assert_eq!(rejection.body(), body);
        // For the operator's log: a sentence.
        assert!(rejection.to_string().contains(' '), "{cause:?}");
    }
    assert!(Rejection::new(Cause::NoLayer).to_string().contains("`scoped()`"));
}

#[test]
fn the_bodies_that_only_some_configurations_show() {
    let claims = Claims::new("eve".parse().unwrap());
    let directory = MemoryDirectory::new(
        [
            TenantStatus::Active,
            TenantStatus::Archived,
            TenantStatus::Suspended,
            TenantStatus::Provisioning,
        ]
        .map(|status| MemoryEntry::new(record(status.as_str()).with_status(status))),
    )
    .unwrap();
    let chain = || {
        ResolverChain::new()
            .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
            .unwrap()
    };
    let enforcer = Enforcer::new(chain()).with_disclosure(tenancy_core::enforce::Disclosure::Detailed);
    for (tenant, access, title, status, code) in [
        ("archived", Access::Scoped, "Not Found", 404, "unknown_tenant"),
        ("suspended", Access::Scoped, "Forbidden", 403, "tenant_suspended"),
        ("provisioning", Access::Scoped, "Forbidden", 403, "tenant_not_ready"),
        ("active", Access::Scoped, "Forbidden", 403, "not_a_member"),
        ("archived", Access::Public, "Not Found", 404, "not_found"),
    ] {
        let fields = [("x-tenant-id", tenant.as_bytes())];
        let headers = HeaderList::new(&fields);
        let (request, mut key) = (request(&headers, Credentials::Verified(&claims)), None);
        let step = enforcer.begin(&request, access, &mut key);
        let Ok(Err(rejection)) = drive_now(step, &directory, &directory) else {
            panic!("{tenant} is not refused")
        };
        let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"code":"{code}"}}"#);
        assert_eq!(rejection.body(), body);
        assert_eq!((rejection.www_authenticate(), rejection.retry_after()), (None, None));
    }
}

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
fn what_an_implementer_leaves_out_is_safe() {
    struct Bare(Subject);
    impl VerifiedClaims for Bare {
        fn subject(&self) -> &Subject {
            &self.0
        }
        fn tenant(&self) -> Option<&TenantKey> {
            None
        }
        fn lists(&self, _: &TenantRecord) -> bool {
            false
        }
    }
    impl Directory for Bare {
        type Entry = TenantRecord;
        type Error = Infallible;
        async fn find(&self, _: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
            Ok(None)
        }
    }
    impl Authorizer for Bare {
        type Error = Infallible;
        async fn authorize(&self, _: &Authorize<'_>) -> Result<Decision, Infallible> {
            Ok(Decision::Deny)
        }
    }
    let bare = Bare("eve".parse().unwrap());
    assert!(bare.may_speak_for(&record("acme")) && !bare.names(&record("acme")));
    assert!(bare.peek(&TenantKey::Id("acme".parse().unwrap()), |_| ()).is_none());
    let fields = [("x-tenant-id", b"acme".as_slice())];
    let headers = HeaderList::new(&fields);
    let enforcer = InsecureTestStub::enforcer();
    // Neither has an answer available: both steps come back.
    let (request, mut key) = (request(&headers, Credentials::Verified(&bare)), None);
    let step = enforcer.begin(&request, Access::Scoped, &mut key);
    let Err(step @ Step::Lookup(_)) = drive_now(step, &bare, &bare) else {
        panic!("a look-up must wait")
    };
    assert!(matches!(
        drive_now(step, &InsecureTestStub, &bare),
        Err(Step::Authorize(_))
    ));
    let step = enforcer.begin(&request, Access::Scoped, &mut key);
    assert!(matches!(
        drive_now(step, &InsecureTestStub, &InsecureTestStub),
        Ok(Ok(Outcome::Admitted(_)))
    ));
}

/// A directory and authorizer that is down.
struct Down;

#[derive(Clone, Debug, PartialEq, Eq)]
struct IsDown;

impl std::fmt::Display for IsDown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("down")
    }
}

impl Error for IsDown {}

impl Directory for Down {
    type Entry = TenantRecord;
    type Error = IsDown;
    async fn find(&self, _: &TenantKey) -> Result<Option<TenantRecord>, IsDown> {
        Err(IsDown)
    }
}

impl Authorizer for Down {
    type Error = IsDown;
    async fn authorize(&self, _: &Authorize<'_>) -> Result<Decision, IsDown> {
        Err(IsDown)
    }
}

fn walk<D: Directory, A: Authorizer>(directory: &D, authorizer: &A) -> Result<Outcome, Refused<D::Error, A::Error>> {
    let fields = [("x-tenant-id", b"acme".as_slice())];
    let headers = HeaderList::new(&fields);
    let claims = Claims::new("eve".parse().unwrap()).with_tenant(TenantKey::Id("acme".parse().unwrap()));
    let enforcer = InsecureTestStub::enforcer();
    let (request, mut key) = (request(&headers, Credentials::Verified(&claims)), None);
    let step = enforcer.begin(&request, Access::Scoped, &mut key);
    let mut walk = std::pin::pin!(drive(step, directory, authorizer));
    match walk
        .as_mut()
        .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    {
        std::task::Poll::Ready(outcome) => outcome,
        std::task::Poll::Pending => panic!("nothing to wait for"),
    }
}

#[test]
fn what_is_down_refuses_and_is_reported_to_the_operator() {
    let refused = walk(&Down, &InsecureTestStub).unwrap_err();
    assert_eq!(
        (refused.rejection.cause(), refused.fault),
        (Cause::DirectoryUnavailable, Some(Fault::Directory(IsDown)))
    );
    let refused = walk(&InsecureTestStub, &Down).unwrap_err();
    assert_eq!(
        (refused.rejection.cause(), refused.fault),
        (Cause::AuthorizerUnavailable, Some(Fault::Authorizer(IsDown)))
    );
    let fields = [("x-tenant-id", b"acme".as_slice())];
    let headers = HeaderList::new(&fields);
    let claims = InsecureTestStub::claims();
    let enforcer = InsecureTestStub::enforcer();
    let (request, mut key) = (request(&headers, Credentials::Verified(&claims)), None);
    let Step::Lookup(lookup) = enforcer.begin(&request, Access::Scoped, &mut key) else {
        panic!("no look-up")
    };
    let Step::Reject(rejection) = lookup.unavailable() else {
        panic!("not refused")
    };
    assert_eq!(rejection.cause(), Cause::DirectoryUnavailable);
    let Step::Lookup(lookup) = enforcer.begin(&request, Access::Scoped, &mut key) else {
        panic!("no look-up")
    };
    let Step::Authorize(authorize) = lookup.found(&record("acme")) else {
        panic!("no authorization")
    };
    let Step::Reject(rejection) = authorize.unavailable() else {
        panic!("not refused")
    };
    assert_eq!(rejection.cause(), Cause::AuthorizerUnavailable);
}

#[test]
fn pointers_and_choices_answer_as_what_they_hold() {
    let stub = InsecureTestStub;
    let admitted = |outcome: &Outcome| matches!(outcome, Outcome::Admitted(member) if *member.id() == "acme");
    assert!(admitted(&walk(&&stub, &&stub).unwrap()));
    assert!(admitted(&walk(&Box::new(stub), &Box::new(stub)).unwrap()));
    assert!(admitted(&walk(&Arc::new(stub), &Arc::new(stub)).unwrap()));
    // The claims name acme; the directory has no members.
    let members = MemoryDirectory::new([MemoryEntry::new(record("acme"))]).unwrap();
    assert!(admitted(
        &walk(&members, &Membership::<&MemoryDirectory>::Claim).unwrap()
    ));
    let refused = walk(&members, &Membership::Directory(&members)).unwrap_err();
    assert_eq!(refused.rejection.cause(), Cause::NotAMember);
    assert!(
        Box::new(stub)
            .peek(&TenantKey::Slug("acme".parse().unwrap()), |entry| entry.cloned())
            .unwrap()
            .is_none()
    );
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

/// A member who is somebody's subject by any issuer would be another person, too.
#[test]
fn a_caller_as_a_member_is_of_their_issuer() {
    let acme = TestTenant::new("acme").with_subject("alice");
    let member = Member::of_caller(acme.admitted().caller());
    assert_eq!((member.subject().as_str(), member.issuer()), ("alice", None));
    let issued = acme.with_issuer("https://login.example");
    let member = Member::of_caller(issued.admitted().caller());
    assert_eq!(member.issuer(), Some("https://login.example"));
    assert!(member.is(&issued.claims()));
    assert!(!member.is(&issued.with_issuer("https://other.example").claims()));
    let owner = [Role::from_static("owner")].into_iter().collect();
    assert!(member.with_roles(owner).roles().has("owner"));
}

#[test]
fn domains_are_the_entrys_own() {
    let (own, other) = ("a.com".parse::<Domain>().unwrap(), "b.com".parse::<Domain>().unwrap());
    let entry = Arc::new(MemoryEntry::new(record("acme")).with_domain(own.clone()));
    assert!(entry.has_domain(&own) && !entry.has_domain(&other));
    assert!((*entry).has_domain(&own) && !(*entry).has_domain(&other));
    assert!(!record("acme").has_domain(&own));
}

/// Who was authenticated is the subject with its issuer: two issuers may each have an `alice`.
#[test]
fn an_admitted_caller_names_the_issuer() {
    /// Claims of another type, which have their issuer as a text alone.
    struct Session(Claims);

    impl VerifiedClaims for Session {
        fn subject(&self) -> &Subject {
            self.0.subject()
        }

        fn tenant(&self) -> Option<&TenantKey> {
            self.0.tenant()
        }

        fn lists(&self, _: &TenantRecord) -> bool {
            false
        }

        fn issuer(&self) -> Option<&str> {
            self.0.issuer()
        }
    }

    let issuer_of = |claims: &dyn VerifiedClaims| {
        let fields = [("x-tenant-id", b"acme".as_slice())];
        let headers = HeaderList::new(&fields);
        let (request, mut key) = (request(&headers, Credentials::Verified(claims)), None);
        let enforcer = InsecureTestStub::enforcer();
        let step = enforcer.begin(&request, Access::Scoped, &mut key);
        match drive_now(step, &InsecureTestStub, &InsecureTestStub) {
            Ok(Ok(Outcome::Admitted(admitted))) => admitted.issuer().map(ToString::to_string),
            other => panic!("{other:?}"),
        }
    };
    let claims = Claims::new("alice".parse().unwrap());
    assert_eq!(issuer_of(&claims), None);
    assert_eq!(issuer_of(&Session(claims.clone())), None);
    let claims = claims.with_issuer("https://a.example");
    assert_eq!(issuer_of(&claims).as_deref(), Some("https://a.example"));
    assert_eq!(issuer_of(&Session(claims)).as_deref(), Some("https://a.example"));
}

#[test]
fn a_tenant_scope_shows_a_member_only_where_there_is_one() {
    let member = Admitted::dangerously_assume(record("acme"), ResolverName::from_static("job"), "a".parse().unwrap());
    assert_eq!(TenantScope::from(member.clone()).admitted(), Some(&member));
    assert_eq!(TenantScope::from(member.to_visit()).admitted(), None);
}

/// Names a tenant by nothing; reads the field `x-mine`.
struct Mine;

impl Resolver for Mine {
    fn name(&self) -> ResolverName {
        ResolverName::from_static("mine")
    }

    fn resolve(&self, _: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        Ok(None)
    }
}

#[test]
fn a_resolver_of_your_own_is_named_as_any_other() {
    let config: TenancyConfig = toml::from_str("[resolution]\nresolvers = [\"mine\", \"header\"]").unwrap();
    let mine: Arc<dyn Resolver> = Arc::new(Mine);
    let names = |enforcer: Enforcer| {
        enforcer
            .chain()
            .names()
            .map(|name| name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(config.enforcer_with(&[Arc::clone(&mine)]).unwrap()),
        ["mine", "header"]
    );
    let error = config.enforcer().unwrap_err();
    assert_eq!(error.key(), "resolution.resolvers");
    let list = "valid resolvers are `header`, `jwt_claim`, `subdomain`, `domain`, `path`, `query`, `cookie`";
    assert!(error.to_string().ends_with(list), "{error}");
    let other: TenancyConfig = toml::from_str("[resolution]\nresolvers = [\"yours\"]").unwrap();
    let error = other.enforcer_with(&[mine]).unwrap_err().to_string();
    assert!(
        error.contains("`yours`") && error.ends_with("`cookie`, `mine`"),
        "{error}"
    );
}

#[test]
fn the_fields_that_answers_depend_on() {
    let fields = |chain: ResolverChain| {
        let mut fields = Vec::new();
        Enforcer::new(chain).each_field(&mut |field: &FieldName| fields.push(field.to_string()));
        fields
    };
    let own: &'static dyn Resolver = &Mine;
    let forwarded = HostSource::forwarded(ForwardedField::Forwarded, std::num::NonZeroU8::MIN);
    let chain = ResolverChain::new()
        .then(own)
        .unwrap()
        .then(DomainResolver::new().with_source(forwarded))
        .unwrap();
    assert_eq!(fields(chain), ["forwarded"]);
    let chain = ResolverChain::new()
        .then(HeaderResolver::new("x-org".parse().unwrap()))
        .unwrap()
        .then(CookieResolver::new(ParameterName::parse(b"org").unwrap()))
        .unwrap();
    assert_eq!(fields(chain), ["x-org", "cookie"]);
    assert_eq!(
        fields(ResolverChain::new().then(DomainResolver::new()).unwrap()),
        Vec::<String>::new()
    );
}
