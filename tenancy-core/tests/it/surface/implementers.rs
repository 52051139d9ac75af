//! Directories, authorizers and resolvers of an application.

use std::convert::Infallible;
use std::sync::Arc;

use tenancy_core::config::TenancyConfig;
use tenancy_core::directory::{
    Authorizer, Decision, Directory, Membership, MemoryDirectory, MemoryEntry, TenantRecord,
};
use tenancy_core::enforce::{Access, Authorize, Cause, Enforcer, Outcome, Step, drive_now};
use tenancy_core::names::{FieldName, ResolverName, Subject, TenantKey};
use tenancy_core::request::{Credentials, ForwardedField, HeaderList, HostSource, RequestView, VerifiedClaims};
use tenancy_core::resolve::{
    CookieResolver, DomainResolver, HeaderResolver, Malformed, ParameterName, Resolver, ResolverChain,
};
use tenancy_core::testing::InsecureTestStub;

use super::{record, request, walk};

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
