//! The core under comparison: the same configuration built with its own types, the same request shown to it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a case that the core cannot be built from is a bug of the generator, and must be loud"
)]

use std::num::NonZeroU8;

use tenancy_core as core;
use tenancy_core::{AnyResolver, Outcome, Rejection};

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
        Ok(outcome) => unreachable!("the oracle does not know {outcome:?}"),
        Err(rejection) => Answer::Refused {
            status: rejection.status(),
            code: rejection.code().to_owned(),
        },
    }
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
    let directory = core::MemoryDirectory::new(case.tenants.iter().map(entry)).unwrap();
    let authorizer = match case.configuration.membership {
        Membership::Claim => core::Membership::Claim,
        Membership::Directory => core::Membership::Directory(&directory),
    };
    let claims = claims(&case.request.credentials);
    let parts = case.request.parts();
    let fields: Vec<(&str, &[u8])> = case
        .request
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let headers = core::HeaderList::new(&fields);
    let request = core::RequestView {
        version: match case.request.version {
            Version::Http10 => core::HttpVersion::Http10,
            Version::Http11 => core::HttpVersion::Http11,
            Version::Http2 => core::HttpVersion::Http2,
        },
        target: match &parts {
            Some(parts) => core::Target::Path {
                authority: parts.authority.as_deref(),
                path: &parts.path,
                query: parts.query.as_deref(),
            },
            None if case.request.method == "CONNECT" => core::Target::Authority,
            None => core::Target::Asterisk,
        },
        headers: &headers,
        credentials: match (&case.request.credentials, &claims) {
            (_, Some(claims)) => core::Credentials::Verified(claims),
            (Credentials::Malformed, None) => core::Credentials::Malformed,
            (Credentials::Invalid, None) => core::Credentials::Invalid,
            (Credentials::Absent | Credentials::Verified { .. }, None) => core::Credentials::Absent,
        },
    };
    let access = match case.mark {
        Mark::Scoped => core::Access::Scoped,
        Mark::Optional => core::Access::Optional,
        Mark::Public => core::Access::Public,
    };
    core::drive_now(enforcer.begin(&request, access, &mut None), &directory, &authorizer)
        .unwrap_or_else(|_| panic!("a directory in memory makes nobody wait"))
}

/// The enforcer of a configuration.
fn enforcer(configuration: &Configuration) -> core::Enforcer {
    let chain = configuration.sources.iter().fold(
        core::ResolverChain::new().with_on_conflict(if configuration.reject_conflicts {
            core::OnConflict::Reject
        } else {
            core::OnConflict::First
        }),
        |chain, source| chain.then(resolver(configuration, *source)).unwrap(),
    );
    core::Enforcer::new(chain).with_disclosure(if configuration.detailed {
        core::Disclosure::Detailed
    } else {
        core::Disclosure::Uniform
    })
}

fn resolver(configuration: &Configuration, source: Source) -> AnyResolver {
    let base = || configuration.base_domain.as_ref().map(|base| base.parse().unwrap());
    match source {
        Source::Header(form) => core::HeaderResolver::new(configuration.header_name.parse().unwrap())
            .with_form(key_form(form))
            .into(),
        Source::JwtClaim => core::ClaimResolver.into(),
        Source::Subdomain(form) => core::SubdomainResolver::new(base().unwrap())
            .with_form(key_form(form))
            .with_reserved(core::ReservedNames::from_slugs(
                configuration.reserved.iter().map(|name| name.parse().unwrap()),
            ))
            .with_source(host_source(configuration))
            .into(),
        Source::Domain => {
            let resolver = core::DomainResolver::new().with_source(host_source(configuration));
            match base() {
                Some(base) => resolver.with_base(base).into(),
                None => resolver.into(),
            }
        }
        Source::Path(form) => core::PathResolver::new(configuration.path_template.parse().unwrap())
            .with_form(key_form(form))
            .into(),
        Source::Query(form) => core::QueryResolver::new(configuration.query_parameter.parse().unwrap())
            .with_form(key_form(form))
            .into(),
        Source::Cookie(form) => core::CookieResolver::new(configuration.cookie_name.parse().unwrap())
            .with_form(key_form(form))
            .into(),
    }
}

fn host_source(configuration: &Configuration) -> core::HostSource {
    match configuration.forwarding {
        None => core::HostSource::request(),
        Some((field, hops)) => {
            let field = match field {
                ForwardingField::XForwardedHost => core::ForwardedField::XForwardedHost,
                ForwardingField::Forwarded => core::ForwardedField::Forwarded,
            };
            core::HostSource::forwarded(field, NonZeroU8::new(hops).unwrap())
        }
    }
}

fn key_form(form: Form) -> core::KeyForm {
    match form {
        Form::Id => core::KeyForm::Id,
        Form::Slug => core::KeyForm::Slug,
        Form::External => core::KeyForm::External,
        Form::Domain => panic!("no source but `domain` yields a domain"),
    }
}

fn entry(tenant: &Tenant) -> core::MemoryEntry {
    let record = core::TenantRecord::new(tenant.id.parse().unwrap(), "row".parse().unwrap())
        .with_slug(tenant.slug.parse().unwrap())
        .with_status(match tenant.status {
            Status::Provisioning => core::TenantStatus::Provisioning,
            Status::Active => core::TenantStatus::Active,
            Status::Suspended => core::TenantStatus::Suspended,
            Status::Archived => core::TenantStatus::Archived,
        });
    let record = match &tenant.external_id {
        Some(external_id) => record.with_external_id(external_id.parse().unwrap()),
        None => record,
    };
    let entry = core::MemoryEntry::new(record);
    let entry = tenant
        .domains
        .iter()
        .fold(entry, |entry, domain| entry.with_domain(domain.parse().unwrap()));
    tenant
        .members
        .iter()
        .fold(entry, |entry, member| entry.with_member(member.parse().unwrap()))
}

fn claims(credentials: &Credentials) -> Option<core::Claims> {
    let Credentials::Verified {
        subject,
        tenant,
        tenants,
    } = credentials
    else {
        return None;
    };
    let claims = core::Claims::new(subject.parse().unwrap()).with_tenants(tenants.iter().map(key));
    Some(match tenant {
        Some(tenant) => claims.with_tenant(key(tenant)),
        None => claims,
    })
}

fn key(key: &Key) -> core::TenantKey {
    match key.form {
        Form::Id => core::TenantKey::Id(key.text.parse().unwrap()),
        Form::Slug => core::TenantKey::Slug(key.text.parse().unwrap()),
        Form::External => core::TenantKey::External(key.text.parse().unwrap()),
        Form::Domain => core::TenantKey::Domain(key.text.parse().unwrap()),
    }
}
