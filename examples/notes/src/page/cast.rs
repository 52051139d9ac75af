//! Who acts on the page, and where.

use http::HeaderValue;
use serde::Serialize;

use crate::Error;
use crate::config::Config;

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
    /// The value of `Authorization`, which stays here.
    #[serde(skip)]
    authorization: Option<HeaderValue>,
}

#[derive(Serialize)]
struct Place {
    id: String,
    name: String,
}

impl Cast {
    /// Every member of the file's tenants, a stranger, and nobody.
    pub(super) fn of(config: &Config) -> Result<Self, Error> {
        let members = config.tenants.iter().flat_map(|tenant| &tenant.members);
        let mut names: Vec<&str> = Vec::new();
        for member in members {
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
            authorization: None,
        });
        let tenants = config.tenants.iter().map(|tenant| Place {
            id: tenant.id.to_string(),
            name: tenant.name.clone(),
        });
        Ok(Self {
            people,
            tenants: tenants.collect(),
        })
    }

    /// What a person's request carries: their credentials, if they have any, and the tenant's id.
    pub(super) fn fields(&self, person: usize, tenant: usize) -> Option<(Option<HeaderValue>, HeaderValue)> {
        let (person, tenant) = (self.people.get(person)?, self.tenants.get(tenant)?);
        let id = HeaderValue::from_str(&tenant.id).ok()?;
        Some((person.authorization.clone(), id))
    }
}

impl Person {
    fn of(config: &Config, name: &str, role: &'static str) -> Result<Self, Error> {
        let token = config.sign(name, None, DAY)?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            name: name.to_owned(),
            role,
            authorization: Some(authorization),
        })
    }
}
