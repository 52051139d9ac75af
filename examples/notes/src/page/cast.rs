//! Who acts on the page, and where.

use http::HeaderValue;
use serde::Serialize;
use tenancy_core::names::KeyForm;

use crate::Error;
use crate::config::{Config, Tenant};

/// How long the page can be used after a start.
const DAY: i64 = 24 * 60 * 60;

/// The people and the tenants, by their places in the lists. This is what the browser learns, so no token is serialized.
#[derive(Serialize)]
pub(super) struct Cast {
    people: Vec<Person>,
    tenants: Vec<Place>,
}

#[derive(Serialize)]
struct Person {
    name: String,
    role: &'static str,
    /// The value of `Authorization` in each tenant, which stays here. Empty: they have no credentials.
    #[serde(skip)]
    credentials: Vec<HeaderValue>,
}

#[derive(Serialize)]
struct Place {
    id: String,
    name: String,
    /// What the header field names it by, if it has a name of that form.
    #[serde(skip)]
    field: Option<HeaderValue>,
}

impl Cast {
    /// Every member of the file's tenants, a stranger, and nobody.
    pub(super) fn of(config: &Config) -> Result<Self, Error> {
        let mut names: Vec<&str> = Vec::new();
        for member in config.tenants.iter().flat_map(|tenant| &tenant.members) {
            let name = member.subject().as_str();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let mut strangers = std::iter::successors(Some("mallory".to_owned()), |name| Some(format!("{name}-")));
        let stranger = strangers.find(|name| !names.contains(&name.as_str()));
        let mut people = Vec::new();
        for name in &names {
            people.push(Person::of(config, name, "member")?);
        }
        if let Some(name) = stranger {
            people.push(Person::of(config, &name, "stranger")?);
        }
        people.push(Person {
            name: "nobody".to_owned(),
            role: "without credentials",
            credentials: Vec::new(),
        });
        let form = config.tenancy.resolution.header_form;
        let tenants = config.tenants.iter().map(|tenant| Place {
            id: tenant.id.to_string(),
            name: tenant.name.clone(),
            field: name_of(tenant, form).and_then(|name| HeaderValue::from_str(name).ok()),
        });
        Ok(Self {
            people,
            tenants: tenants.collect(),
        })
    }

    /// What a person's request carries: their credentials, if they have any, and the tenant's name.
    pub(super) fn fields(&self, person: usize, tenant: usize) -> Option<(Option<HeaderValue>, HeaderValue)> {
        let (person, place) = (self.people.get(person)?, self.tenants.get(tenant)?);
        Some((person.credentials.get(tenant).cloned(), place.field.clone()?))
    }
}

impl Person {
    /// Their token names the tenant where they are a member of it, for configurations where that is what makes a member.
    fn of(config: &Config, name: &str, role: &'static str) -> Result<Self, Error> {
        let form = config.tenancy.resolution.jwt_claim_form;
        let mut credentials = Vec::new();
        for tenant in &config.tenants {
            let is_member = tenant.members.iter().any(|member| member.subject().as_str() == name);
            let claim = is_member.then(|| name_of(tenant, form)).flatten();
            let token = config.sign(name, claim, DAY)?;
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
            value.set_sensitive(true);
            credentials.push(value);
        }
        Ok(Self {
            name: name.to_owned(),
            role,
            credentials,
        })
    }
}

fn name_of(tenant: &Tenant, form: KeyForm) -> Option<&str> {
    match form {
        KeyForm::Slug => Some(tenant.slug.as_str()),
        KeyForm::External => tenant.external_id.as_ref().map(|id| id.as_str()),
        _ => Some(tenant.id.as_str()),
    }
}
