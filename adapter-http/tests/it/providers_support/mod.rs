//! The recipes of the page, set up as an application would.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a recipe that cannot be set up fails the test"
)]

use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tenancy_core::config::{EnforcementConfig, ResolutionConfig, TenancyConfig};
use tenancy_core::context;
use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_http::{JwtConfig, Tenancy, TokenVerifier};
use tower::{Layer, ServiceExt, service_fn};

use crate::jwks_support::{jwks, named, rsa, with};
use crate::token_support::{key_file, sign_with};

const PAGE: &str = include_str!("../../../docs/identity-providers.md");

#[derive(Deserialize)]
struct Tables {
    resolution: ResolutionConfig,
    enforcement: EnforcementConfig,
    jwt: JwtConfig,
}

/// One section of the page.
pub(crate) struct Recipe {
    configuration: &'static str,
    token: &'static str,
}

/// The headings of the sections that are recipes.
pub(crate) fn headings() -> Vec<&'static str> {
    let sections = PAGE.split("\n\n# ").skip(1);
    sections.filter_map(|section| section.lines().next()).collect()
}

fn block(section: &'static str, language: &str) -> &'static str {
    let blocks: Vec<_> = section.split(&format!("```{language}\n")).skip(1).collect();
    let [block] = blocks.as_slice() else {
        panic!("expected one block of {language}, there are {}", blocks.len());
    };
    block.split_once("```").unwrap().0
}

impl Recipe {
    pub(crate) fn of(heading: &str) -> Self {
        let (_, section) = PAGE.split_once(&format!("\n# {heading}\n")).unwrap();
        let section = section.split("\n# ").next().unwrap();
        Self {
            configuration: block(section, "toml"),
            token: block(section, "json"),
        }
    }

    /// The configuration as the page has it, but for where the keys are.
    fn tables(&self) -> Tables {
        let is_source = |line: &&str| line.starts_with("jwks_url = \"https://") || *line == "discovery = true";
        let sources: Vec<_> = self.configuration.lines().filter(is_source).collect();
        let [source] = sources.as_slice() else {
            panic!("expected one source of keys: {sources:?}");
        };
        toml::from_str::<Tables>(self.configuration).unwrap();
        toml::from_str(&self.configuration.replace(source, "jwks_file = \"keys.json\"")).unwrap()
    }

    /// The service of an application with these tenants, by id and external id.
    pub(crate) fn service(&self, keys: &[Value], tenants: &[(&str, Option<&str>)]) -> Service {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("keys.json"), jwks(keys)).unwrap();
        let tables = self.tables();
        let mut config = TenancyConfig::default();
        (config.resolution, config.enforcement) = (tables.resolution, tables.enforcement);
        let builder = tables.jwt.verifier_builder(folder.path()).unwrap();
        let verifier: TokenVerifier = builder.with_claims_of(&config).unwrap().build().unwrap();
        let entries = tenants.iter().map(|(id, external)| {
            let record = TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
            MemoryEntry::new(match external {
                Some(external) => record.with_external_id(external.parse().unwrap()),
                None => record,
            })
        });
        let directory = MemoryDirectory::new(entries).unwrap();
        Service(
            Tenancy::builder(config.enforcer().unwrap(), verifier, directory.clone())
                .with_authorizer(config.enforcement.authorizer(directory))
                .build(),
        )
    }

    /// The page's token as of now, with these changes.
    pub(crate) fn token(&self, changes: &[Change<'_>]) -> Value {
        let mut payload: Value = serde_json::from_str(self.token).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        for (claim, time) in [("iat", now), ("nbf", now), ("exp", now + 600)] {
            if let Some(member) = payload.get_mut(claim) {
                *member = json!(time);
            }
        }
        for (pointer, value) in changes {
            let (above, name) = pointer.rsplit_once('/').unwrap();
            let object = payload.pointer_mut(above).unwrap().as_object_mut().unwrap();
            match value {
                Some(value) => object.insert(name.to_owned(), value.clone()),
                None => object.remove(name),
            };
        }
        payload
    }
}

/// Where a token is changed, and to what: `None` takes the member out.
pub(crate) type Change<'c> = (&'c str, Option<Value>);

pub(crate) struct Service(Tenancy);

impl Service {
    /// What the service answers: `tenant subject roles`, or status and code.
    pub(crate) async fn ask(&self, host: &str, payload: &Value, kid: &str) -> String {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": kid }).to_string();
        let key = EncodingKey::from_rsa_pem(&key_file("rsa-2048.private.pem")).unwrap();
        let token = sign_with(
            header.as_bytes(),
            payload.to_string().as_bytes(),
            &key,
            Algorithm::RS256,
        );
        let inner = service_fn(async |_: Request<()>| {
            let tenant = context::current().unwrap();
            let roles: Vec<_> = tenant.roles().iter().map(ToString::to_string).collect();
            let subject = tenant.subject();
            let text = format!("{} {subject} {}", tenant.id(), roles.join(","));
            Ok::<_, Infallible>(Response::new(Full::from(text)))
        });
        let request = Request::get("/")
            .header("host", host)
            .header("authorization", format!("Bearer {token}"))
            .body(())
            .unwrap();
        let response = self.0.scoped().layer(inner).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        if status.is_success() {
            return String::from_utf8(body.to_vec()).unwrap();
        }
        let problem: Value = serde_json::from_slice(&body).unwrap();
        format!("{} {}", status.as_u16(), problem.get("code").unwrap().as_str().unwrap())
    }
}

/// The key that signs, as providers publish it.
pub(crate) fn key() -> Value {
    with(named(rsa(), "1"), json!({ "use": "sig", "alg": "RS256" }))
}
