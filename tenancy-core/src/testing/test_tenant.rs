//! Tenants for tests, each with the member who calls.

use core::any::Any;
use core::convert::Infallible;

use core::future::{Future, ready};
use core::str::FromStr;

use std::sync::Arc;

use super::InsecureTestStub;
use crate::directory::{Authorizer, Decision, Directory, Member, Roles, TenantRecord, TenantStatus};
use crate::enforce::{Admitted, Authorize, Caller, Enforcer, Standing, Visit};
use crate::names::{FieldName, KeyForm, ParseError, PlacementName, ResolverName, Role, TenantId, TenantKey, trim};
use crate::request::{Claims, Occurrence, RequestView, SharedPayload};
use crate::resolve::{Malformed, Resolver, ResolverChain};

/// A tenant that a test makes up, and its member who sends the test's requests.
///
/// Unless it is set otherwise, the tenant is active under the strategy `row`, and the member is `test-member`, by no issuer
/// and in no roles. The adapters' feature `testing` makes a `Tenancy` of it (`testing::tenancy_of`), so that a handler
/// behind the real layer is tested in one line.
///
/// ```
/// use tenancy_core::directory::TenantStatus;
/// use tenancy_core::testing::TestTenant;
///
/// let acme = TestTenant::new("acme").with_subject("alice").with_issuer("https://login.example").with_role("editor");
/// let admitted = acme.admitted();
/// assert_eq!(admitted.subject().as_str(), "alice");
/// assert!(admitted.roles().has("editor"));
///
/// let suspended = TestTenant::new("globex").with_status(TenantStatus::Suspended);
/// assert_eq!(suspended.record().status, TenantStatus::Suspended);
/// ```
///
/// # Panics
///
/// What is set by a text panics if the text is not well formed, at the line of the test that sets it.
///
/// # Security
///
/// It is for tests alone: nothing is verified.
#[derive(Clone, Debug)]
pub struct TestTenant {
    record: TenantRecord,
    member: Member,
    payload: Option<SharedPayload>,
}

impl TestTenant {
    /// An active tenant of this id, under the strategy `row`.
    #[must_use]
    #[track_caller]
    pub fn new(id: &str) -> Self {
        Self {
            record: TenantRecord::new(parsed(id), parsed("row")),
            member: Member::new(parsed("test-member")),
            payload: None,
        }
    }

    /// Sets who sends the requests.
    #[must_use]
    #[track_caller]
    pub fn with_subject(mut self, subject: &str) -> Self {
        let member = Member::new(parsed(subject)).with_roles(self.member.roles().clone());
        self.member = match self.member.issuer() {
            Some(issuer) => member.with_issuer(issuer),
            None => member,
        };
        self
    }

    /// Sets the issuer of the member's credential.
    #[must_use]
    pub fn with_issuer(mut self, issuer: &str) -> Self {
        self.member = self.member.with_issuer(issuer);
        self
    }

    /// Adds a role of the member.
    #[must_use]
    #[track_caller]
    pub fn with_role(mut self, role: &str) -> Self {
        let role: Role = parsed(role);
        let roles: Roles = self.member.roles().iter().cloned().chain([role]).collect();
        self.member = self.member.with_roles(roles);
        self
    }

    /// Sets what else the member's credential says, for handlers that extract it in this type (`Payload<T>` of the adapters).
    #[must_use]
    pub fn with_payload<T: Any + Send + Sync>(mut self, payload: T) -> Self {
        self.payload = Some(SharedPayload::new(payload));
        self
    }

    /// Sets the strategy that keeps the tenant's data apart.
    #[must_use]
    #[track_caller]
    pub fn with_strategy(mut self, strategy: &str) -> Self {
        self.record.strategy = parsed(strategy);
        self
    }

    /// Sets where the tenant's data is.
    #[must_use]
    #[track_caller]
    pub fn with_placement(mut self, placement: &str) -> Self {
        let placement: PlacementName = parsed(placement);
        self.record.placement = Some(placement);
        self
    }

    /// Sets the tenant's status. Unless it is active, its requests are refused.
    #[must_use]
    pub fn with_status(mut self, status: TenantStatus) -> Self {
        self.record.status = status;
        self
    }

    /// Sets the tenant's slug.
    #[must_use]
    #[track_caller]
    pub fn with_slug(mut self, slug: &str) -> Self {
        self.record.slug = parsed(slug);
        self
    }

    /// Sets the identity provider's organisation id.
    #[must_use]
    #[track_caller]
    pub fn with_external_id(mut self, external_id: &str) -> Self {
        self.record.external_id = Some(parsed(external_id));
        self
    }

    /// The tenant's id.
    #[must_use]
    pub fn id(&self) -> &TenantId {
        &self.record.id
    }

    /// The tenant as a directory knows it.
    #[must_use]
    pub fn record(&self) -> &TenantRecord {
        &self.record
    }

    /// The member as a directory knows them.
    #[must_use]
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// What a verified credential of the member says. It names the tenant.
    #[must_use]
    pub fn claims(&self) -> Claims {
        let claims = Claims::new(self.member.subject().clone())
            .with_tenant(TenantKey::Id(self.record.id.clone()))
            .with_roles(self.member.roles().clone());
        let claims = match &self.payload {
            Some(payload) => claims.with_payload(payload.clone()),
            None => claims,
        };
        match self.member.issuer() {
            Some(issuer) => claims.with_issuer(issuer),
            None => claims,
        }
    }

    /// The member's capability, for code that takes one and no request. The tenant's status is not looked at.
    #[must_use]
    pub fn admitted(&self) -> Admitted {
        let issuer = self.member.issuer().map(|issuer| Arc::<str>::from(issuer).into());
        let (subject, roles) = (self.member.subject().clone(), self.member.roles().clone());
        Admitted::new(self.visit(), Caller::new(subject, issuer), Standing::Member, roles)
    }

    /// The lesser capability of a visitor, for code that takes one and no request.
    #[must_use]
    pub fn visit(&self) -> Visit {
        Visit::new(self.record.clone().into(), ResolverName::from_static(RESOLVER))
    }
}

/// The tenants of a test, as directory and authorizer: each tenant's requests are sent by its own member.
///
/// The header `x-tenant-id` names the tenant by its id. A request without it is the first tenant's, so that a test of one
/// tenant does not have to send it.
#[derive(Clone, Debug)]
pub struct TestTenants(Arc<[TestTenant]>);

impl TestTenants {
    /// The header that names the tenant, by id: `x-tenant-id`.
    pub const HEADER: &'static str = InsecureTestStub::HEADER;

    /// These tenants.
    #[must_use]
    pub fn new(tenants: impl IntoIterator<Item = TestTenant>) -> Self {
        Self(tenants.into_iter().collect())
    }

    /// Each tenant.
    pub fn iter(&self) -> impl Iterator<Item = &TestTenant> {
        self.0.iter()
    }

    /// The tenant of a value of [`HEADER`](Self::HEADER), or the first one if there is none. `None` if the value is no
    /// tenant's id.
    #[must_use]
    pub fn named(&self, header: Option<&[u8]>) -> Option<&TestTenant> {
        match header {
            Some(value) => self
                .iter()
                .find(|tenant| tenant.id().as_str().as_bytes() == trim(value)),
            None => self.iter().next(),
        }
    }

    /// An enforcer that reads [`HEADER`](Self::HEADER), or takes the first tenant.
    #[must_use]
    pub fn enforcer(&self) -> Enforcer {
        let resolver: Arc<dyn Resolver> = Arc::new(TestResolver {
            field: FieldName::from_static(Self::HEADER),
            first: self.iter().next().map(|tenant| TenantKey::Id(tenant.id().clone())),
        });
        Enforcer::new(ResolverChain::new().then(resolver).unwrap_or_default())
    }

    fn of(&self, id: &TenantId) -> Option<&TestTenant> {
        self.iter().find(|tenant| tenant.id() == id)
    }
}

const RESOLVER: &str = "test";

/// Reads the header as [`HeaderResolver`](crate::resolve::HeaderResolver) does, and names the first tenant without it.
struct TestResolver {
    field: FieldName,
    first: Option<TenantKey>,
}

impl Resolver for TestResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static(RESOLVER)
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        match request.headers.occurrence(&self.field) {
            Occurrence::Absent => Ok(self.first.clone()),
            Occurrence::Once(value) => KeyForm::Id.parse(trim(value)).map(Some).map_err(|_| Malformed::Tenant),
            Occurrence::Repeated => Err(Malformed::Tenant),
        }
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&self.field);
    }
}

impl Directory for TestTenants {
    type Entry = TenantRecord;
    type Error = Infallible;

    fn find(&self, key: &TenantKey) -> impl Future<Output = Result<Option<TenantRecord>, Infallible>> + Send {
        let found = self.iter().find(|tenant| tenant.record.answers_to(key));
        ready(Ok(found.map(|tenant| tenant.record.clone())))
    }
}

impl Authorizer for TestTenants {
    type Error = Infallible;

    fn authorize(&self, asked: &Authorize<'_>) -> impl Future<Output = Result<Decision, Infallible>> + Send {
        let member = self.of(&asked.tenant().id).map(TestTenant::member);
        let member = member.filter(|member| member.is(asked.claims()));
        ready(Ok(match member {
            Some(member) => Decision::Allow(member.roles().clone()),
            None => Decision::Deny,
        }))
    }
}

/// A name that a test spells.
#[track_caller]
#[expect(clippy::panic, reason = "a test that spells a name wrongly fails where it does so")]
fn parsed<T: FromStr<Err = ParseError>>(text: &str) -> T {
    match text.parse() {
        Ok(name) => name,
        Err(error) => panic!("`{text}`: {error}"),
    }
}
