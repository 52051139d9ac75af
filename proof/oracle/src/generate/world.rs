//! Configurations, tenants and credentials.

use arbitrary::{Result, Unstructured};

use super::MARKER;
use crate::{Configuration, Credentials, Form, ForwardingField, Key, Membership, Source, Status, Tenant};

pub(super) fn configuration(bytes: &mut Unstructured<'_>) -> Result<Configuration> {
    let sources = sources(bytes)?;
    let wants_base = sources.iter().any(|source| matches!(source, Source::Subdomain(_)));
    let base_domain = if wants_base || bytes.ratio(2, 3)? {
        Some((*bytes.choose(&["app.com", "a.b.example", "localhost"])?).to_owned())
    } else {
        None
    };
    let forwarding = if bytes.ratio(1, 4)? {
        let field = *bytes.choose(&[ForwardingField::XForwardedHost, ForwardingField::Forwarded])?;
        Some((field, bytes.int_in_range(1..=3)?))
    } else {
        None
    };
    Ok(Configuration {
        sources,
        header_name: (*bytes.choose(&["x-tenant-id", "tenant"])?).to_owned(),
        base_domain,
        path_template: (*bytes.choose(&["/api/v1/{tenant}", "/{tenant}", "/t/{tenant}/portal"])?).to_owned(),
        query_parameter: (*bytes.choose(&["tenant", "t-1"])?).to_owned(),
        cookie_name: (*bytes.choose(&["tenant", "__Host-tenant"])?).to_owned(),
        reserved: bytes
            .choose(&[vec!["www", "admin"], vec!["rocket"], vec![], vec!["a_b", "acme"]])?
            .iter()
            .map(ToString::to_string)
            .collect(),
        reject_conflicts: bytes.ratio(1, 2)?,
        forwarding,
        membership: *bytes.choose(&[Membership::Claim, Membership::Directory])?,
        detailed: bytes.ratio(1, 3)?,
        staff_enter: bytes.ratio(1, 2)?,
        staff_in_suspended: bytes.ratio(1, 2)?,
    })
}

/// One to four resolvers, each at most once, in any order.
fn sources(bytes: &mut Unstructured<'_>) -> Result<Vec<Source>> {
    let mut left = vec![
        Source::Header(form(bytes, Form::Id)?),
        Source::JwtClaim,
        Source::Subdomain(form(bytes, Form::Slug)?),
        Source::Domain,
        Source::Path(form(bytes, Form::Slug)?),
        Source::Query(form(bytes, Form::Slug)?),
        Source::Cookie(form(bytes, Form::Slug)?),
    ];
    let count = bytes.int_in_range(1..=4)?;
    let mut sources = Vec::new();
    for _ in 0..count {
        sources.push(left.remove(bytes.choose_index(left.len())?));
    }
    Ok(sources)
}

fn form(bytes: &mut Unstructured<'_>, default: Form) -> Result<Form> {
    Ok(*bytes.choose(&[default, default, Form::Id, Form::Slug, Form::External])?)
}

/// Some tenants, whose names cross: one's id is another's slug.
pub(super) fn tenants(bytes: &mut Unstructured<'_>) -> Result<Vec<Tenant>> {
    let mut tenants = Vec::new();
    for (id, slug, external_id, domain) in [
        ("acme", "rocket", Some("org_A"), "acme.example"),
        ("rocket", "acme", Some("acme"), "rocket.acme.example"),
        ("globex", "globex", None, "globex.com"),
        ("a_b-c", "x", Some("a.b:c|d"), "a_b.example"),
    ] {
        let members: &[&str] = bytes.choose(&[["eve"].as_slice(), &["eve", MARKER], &[], &["mallory"]])?;
        tenants.push(Tenant {
            id: id.to_owned(),
            slug: slug.to_owned(),
            external_id: external_id.map(str::to_owned),
            domains: vec![domain.to_owned()],
            status: *bytes.choose(&[
                Status::Active,
                Status::Active,
                Status::Active,
                Status::Active,
                Status::Suspended,
                Status::Provisioning,
                Status::Archived,
            ])?,
            members: members.iter().map(ToString::to_string).collect(),
        });
    }
    Ok(tenants)
}

/// The name of the meant tenant, or now and then of another, or of none.
pub(super) fn name(bytes: &mut Unstructured<'_>, tenants: &[Tenant], meant: &Tenant, form: Form) -> Result<String> {
    let tenant = match bytes.int_in_range(0..=9)? {
        0..=7 => meant,
        8 => bytes.choose(tenants)?,
        _ => return Ok(MARKER.to_owned()),
    };
    Ok(match form {
        Form::Id => tenant.id.clone(),
        Form::Slug => tenant.slug.clone(),
        Form::External => tenant.external_id.clone().unwrap_or_else(|| "org_none".to_owned()),
        Form::Domain => tenant.domains.first().cloned().unwrap_or_default(),
    })
}

pub(super) fn credentials(bytes: &mut Unstructured<'_>, tenants: &[Tenant], meant: &Tenant) -> Result<Credentials> {
    Ok(match bytes.int_in_range(0..=15)? {
        0 => Credentials::Malformed,
        1 => Credentials::Invalid,
        2 | 3 => Credentials::Absent,
        _ => {
            // A token's claims are of one form, which is that of the configuration.
            let form = *bytes.choose(&[Form::Id, Form::Id, Form::Slug, Form::External])?;
            let tenant = if bytes.ratio(2, 3)? {
                Some(key(bytes, tenants, meant, form)?)
            } else {
                None
            };
            let mut list = Vec::new();
            for _ in 0..bytes.int_in_range(0..=2)? {
                list.push(key(bytes, tenants, meant, form)?);
            }
            Credentials::Verified {
                subject: (*bytes.choose(&["eve", "mallory", MARKER])?).to_owned(),
                tenant,
                tenants: list,
                is_staff: bytes.ratio(1, 4)?,
            }
        }
    })
}

fn key(bytes: &mut Unstructured<'_>, tenants: &[Tenant], meant: &Tenant, form: Form) -> Result<Key> {
    Ok(Key {
        form,
        text: name(bytes, tenants, meant, form)?,
    })
}
