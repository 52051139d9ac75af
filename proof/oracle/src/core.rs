//! The core under comparison: the same configuration built with its own types, the same request shown to it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a case that the core cannot be built from is a bug of the generator, and must be loud"
)]

use std::num::NonZeroU8;

use tenancy_core as core;
use tenancy_core::directory::{Authorizer, Decision};
use tenancy_core::enforce::{Authorize, Outcome, Rejection};
use tenancy_core::resolve::{AnyResolver, DomainResolver, Malformed, Resolver};

use crate::{
    Answer, Case, Configuration, Credentials, Form, ForwardingField, Key, Mark, Membership, Source, Status, Tenant,
    Version,
};

/// What the core answers.
///
/// # Panics
///
/// Where the case holds a configuration or tenants that the core refuses.
#[must_use]
pub fn answer(case: &Case) -> Answer {
    match outcome(case) {
        Ok(Outcome::Admitted(admitted)) => Answer::Admitted {
            tenant: admitted.id().to_string(),
            resolver: admitted.resolver().to_string(),
        },
        Ok(Outcome::Visit(visit)) => Answer::Visit {
            tenant: visit.id().to_string(),
            resolver: visit.resolver().to_string(),
        },
        Ok(Outcome::NoTenant) => Answer::NoTenant,
        Ok(Outcome::Authenticated(caller)) => Answer::Caller {
            subject: caller.subject().to_string(),
        },
        Ok(outcome) => unreachable!("the oracle does not know {outcome:?}"),
        Err(rejection) => Answer::Refused {
            status: rejection.status(),
            code: rejection.code().to_owned(),
        },
    }
}

/// The host name that the core reads from these bytes as the authority of a request; `None` for an address.
///
/// # Errors
///
/// The core's refusal.
pub fn authority(bytes: &[u8]) -> Result<Option<String>, Malformed> {
    let fields = [("host", bytes)];
    let headers = core::request::HeaderList::new(&fields);
    let request = core::request::RequestView {
        version: core::request::HttpVersion::Http11,
        target: core::request::Target::path("/"),
        headers: &headers,
        credentials: core::request::Credentials::Absent,
    };
    let key = DomainResolver::new().resolve(&request)?;
    Ok(key.map(|domain| domain.as_str().to_owned()))
}

/// What the core comes to, in its own words.
///
/// # Errors
///
/// The core's refusal.
///
/// # Panics
///
/// Where the case holds a configuration or tenants that the core refuses.
pub fn outcome(case: &Case) -> Result<Outcome, Rejection> {
    let enforcer = enforcer(&case.configuration);
    let directory = core::directory::MemoryDirectory::new(case.tenants.iter().map(entry)).unwrap();
    let authorizer = match case.configuration.membership {
        Membership::Claim => core::directory::Membership::Claim,
        Membership::Directory => core::directory::Membership::Directory(&directory),
    };
    let claims = claims(&case.request.credentials);
    let parts = case.request.parts();
    let fields: Vec<(&str, &[u8])> = case
        .request
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let headers = core::request::HeaderList::new(&fields);
    let request = core::request::RequestView {
        version: match case.request.version {
            Version::Http10 => core::request::HttpVersion::Http10,
            Version::Http11 => core::request::HttpVersion::Http11,
            Version::Http2 => core::request::HttpVersion::Http2,
        },
        target: match &parts {
            Some(parts) => core::request::Target::Path {
                authority: parts.authority.as_deref(),
                path: &parts.path,
                query: parts.query.as_deref(),
            },
            None if case.request.method == "CONNECT" => core::request::Target::Authority,
            None => core::request::Target::Asterisk,
        },
        headers: &headers,
        credentials: match (&case.request.credentials, &claims) {
            (_, Some(claims)) => core::request::Credentials::Verified(claims),
            (Credentials::Malformed, None) => core::request::Credentials::Malformed,
            (Credentials::Invalid, None) => core::request::Credentials::Invalid,
            (Credentials::Absent | Credentials::Verified { .. }, None) => core::request::Credentials::Absent,
        },
    };
    let access = match case.mark {
        Mark::Scoped => core::enforce::Access::Scoped,
        Mark::Optional => core::enforce::Access::Optional,
        Mark::Public => core::enforce::Access::Public,
        Mark::Authenticated => core::enforce::Access::Authenticated,
    };
    let authorizer = StaffOr {
        staff_enter: case.configuration.staff_enter,
        others: authorizer,
    };
    let outcome = core::enforce::drive_now(enforcer.begin(&request, access, &mut None), &directory, &authorizer)
        .unwrap_or_else(|_| panic!("a directory in memory makes nobody wait"));
    // The explanation of a decision is one of the decision that was made.
    let explanation = core::enforce::explain_now(&enforcer, &request, access, &directory, &authorizer)
        .unwrap_or_else(|| panic!("a directory in memory makes nobody wait"));
    assert_eq!(explanation.decided(), outcome.as_ref(), "{explanation:#}");
    outcome
}

/// Lets staff in, where that is configured, and queries another authorizer about everyone else.
struct StaffOr<A> {
    staff_enter: bool,
    others: A,
}

impl<A: Authorizer> Authorizer for StaffOr<A> {
    type Error = A::Error;

    async fn authorize(&self, question: &Authorize<'_>) -> Result<Decision, A::Error> {
        match self.staff(question) {
            Some(decision) => Ok(decision),
            None => self.others.authorize(question).await,
        }
    }

    fn authorize_now(&self, question: &Authorize<'_>) -> Option<Decision> {
        self.staff(question).or_else(|| self.others.authorize_now(question))
    }
}

impl<A> StaffOr<A> {
    fn staff(&self, question: &Authorize<'_>) -> Option<Decision> {
        (self.staff_enter && question.claims().is_platform_staff()).then_some(Decision::AllowStaff)
    }
}

/// The enforcer of a configuration.
fn enforcer(configuration: &Configuration) -> core::enforce::Enforcer {
    let chain = configuration.sources.iter().fold(
        core::resolve::ResolverChain::new().with_on_conflict(if configuration.reject_conflicts {
            core::resolve::OnConflict::Reject
        } else {
            core::resolve::OnConflict::First
        }),
        |chain, source| chain.then(resolver(configuration, *source)).unwrap(),
    );
    core::enforce::Enforcer::new(chain)
        .with_disclosure(if configuration.detailed {
            core::enforce::Disclosure::Detailed
        } else {
            core::enforce::Disclosure::Uniform
        })
        .with_staff_in_suspended_tenants(configuration.staff_in_suspended)
}

fn resolver(configuration: &Configuration, source: Source) -> AnyResolver {
    let base = || configuration.base_domain.as_ref().map(|base| base.parse().unwrap());
    match source {
        Source::Header(form) => core::resolve::HeaderResolver::new(configuration.header_name.parse().unwrap())
            .with_form(key_form(form))
            .into(),
        Source::JwtClaim => core::resolve::ClaimResolver.into(),
        Source::Subdomain(form) => core::resolve::SubdomainResolver::new(base().unwrap())
            .with_form(key_form(form))
            .with_reserved(core::names::ReservedNames::from_slugs(
                configuration.reserved.iter().map(|name| name.parse().unwrap()),
            ))
            .with_source(host_source(configuration))
            .into(),
        Source::Domain => {
            let resolver = core::resolve::DomainResolver::new().with_source(host_source(configuration));
            match base() {
                Some(base) => resolver.with_base(base).into(),
                None => resolver.into(),
            }
        }
        Source::Path(form) => core::resolve::PathResolver::new(configuration.path_template.parse().unwrap())
            .with_form(key_form(form))
            .into(),
        Source::Query(form) => core::resolve::QueryResolver::new(configuration.query_parameter.parse().unwrap())
            .with_form(key_form(form))
            .into(),
        Source::Cookie(form) => core::resolve::CookieResolver::new(configuration.cookie_name.parse().unwrap())
            .with_form(key_form(form))
            .into(),
    }
}

fn host_source(configuration: &Configuration) -> core::request::HostSource {
    match configuration.forwarding {
        None => core::request::HostSource::request(),
        Some((field, hops)) => {
            let field = match field {
                ForwardingField::XForwardedHost => core::request::ForwardedField::XForwardedHost,
                ForwardingField::Forwarded => core::request::ForwardedField::Forwarded,
            };
            core::request::HostSource::forwarded(field, NonZeroU8::new(hops).unwrap())
        }
    }
}

fn key_form(form: Form) -> core::names::KeyForm {
    match form {
        Form::Id => core::names::KeyForm::Id,
        Form::Slug => core::names::KeyForm::Slug,
        Form::External => core::names::KeyForm::External,
        Form::Domain => panic!("no source but `domain` yields a domain"),
    }
}

fn entry(tenant: &Tenant) -> core::directory::MemoryEntry {
    let record = core::directory::TenantRecord::new(tenant.id.parse().unwrap(), "row".parse().unwrap())
        .with_slug(tenant.slug.parse().unwrap())
        .with_status(match tenant.status {
            Status::Provisioning => core::directory::TenantStatus::Provisioning,
            Status::Active => core::directory::TenantStatus::Active,
            Status::Suspended => core::directory::TenantStatus::Suspended,
            Status::Archived => core::directory::TenantStatus::Archived,
        });
    let record = match &tenant.external_id {
        Some(external_id) => record.with_external_id(external_id.parse().unwrap()),
        None => record,
    };
    let entry = core::directory::MemoryEntry::new(record);
    let entry = tenant
        .domains
        .iter()
        .fold(entry, |entry, domain| entry.with_domain(domain.parse().unwrap()));
    tenant
        .members
        .iter()
        .fold(entry, |entry, member| entry.with_member(member.parse().unwrap()))
}

fn claims(credentials: &Credentials) -> Option<core::request::Claims> {
    let Credentials::Verified {
        subject,
        tenant,
        tenants,
        is_staff,
    } = credentials
    else {
        return None;
    };
    let claims = core::request::Claims::new(subject.parse().unwrap())
        .with_tenants(tenants.iter().map(key))
        .with_platform_staff(*is_staff);
    Some(match tenant {
        Some(tenant) => claims.with_tenant(key(tenant)),
        None => claims,
    })
}

fn key(key: &Key) -> core::names::TenantKey {
    match key.form {
        Form::Id => core::names::TenantKey::Id(key.text.parse().unwrap()),
        Form::Slug => core::names::TenantKey::Slug(key.text.parse().unwrap()),
        Form::External => core::names::TenantKey::External(key.text.parse().unwrap()),
        Form::Domain => core::names::TenantKey::Domain(key.text.parse().unwrap()),
    }
}
