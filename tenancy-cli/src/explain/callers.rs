//! Who sends the request that is explained.

use std::convert::Infallible;
use std::env;
use std::fs;
use std::future::{Future, ready};
use std::sync::Arc;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::request::Parts;
use tenancy::http::{Authenticator, SharedClaims};
use tenancy::names::KeyForm;
use tenancy::request::{Claims, Credentials};
use toml::{Table, Value};

use crate::args::Explain;
use crate::output::Failure;

/// The caller that the flags describe, or nobody.
#[derive(Clone, Debug)]
pub(super) struct Assumed(Option<Arc<Claims>>);

impl Authenticator for Assumed {
    type Error = Infallible;

    fn authenticate(&self, _: &Parts) -> impl Future<Output = Result<Credentials<SharedClaims>, Infallible>> + Send {
        ready(Ok(match &self.0 {
            Some(claims) => Credentials::Verified(Arc::clone(claims) as SharedClaims),
            None => Credentials::Absent,
        }))
    }
}

/// Who is to verify the caller: the file's issuers (`None`), or nobody, since the flags say who it is. A token is put into the
/// request.
pub(super) fn callers(args: &Explain, file: &str, parts: &mut Parts) -> Result<Option<Assumed>, Failure> {
    let table: Table = file.parse().unwrap_or_default();
    if let Some(subject) = &args.subject {
        let mut claims = Claims::new(subject.clone())
            .with_roles(args.roles.iter().cloned().collect())
            .with_platform_staff(args.staff);
        if let Some(issuer) = &args.issuer {
            claims = claims.with_issuer(issuer.as_str());
        }
        if let Some(name) = &args.claim {
            let key = form(&table).parse(name.as_bytes());
            let key = key.map_err(|error| Failure::usage(format!("`--claim` is no tenant's name: {error}")))?;
            claims = claims.with_tenant(key);
        }
        return Ok(Some(Assumed(Some(Arc::new(claims)))));
    }
    let token = token(args)?;
    let has_token = token.is_some() || parts.headers.contains_key(AUTHORIZATION);
    if let Some(token) = token {
        // What a token may not hold is an invalid one, and is judged as such.
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| Failure::usage("the token holds what no header field may hold"))?;
        value.set_sensitive(true);
        parts.headers.insert(AUTHORIZATION, value);
    }
    match (table.contains_key("jwt"), has_token) {
        (true, _) => Ok(None),
        (false, false) => Ok(Some(Assumed(None))),
        (false, true) => Err(Failure::usage(
            "the configuration has no table `[jwt]`, so a token cannot be verified here",
        )
        .advise("give `--subject` in place of the token")),
    }
}

/// The token's text, which is neither shown nor in any error.
fn token(args: &Explain) -> Result<Option<String>, Failure> {
    let text = if let Some(variable) = &args.token_env {
        env::var(variable).map_err(|_| Failure::usage(format!("the variable `{variable}` is not set, or not UTF-8")))?
    } else if let Some(path) = &args.token_file {
        let failed = |error| {
            Failure::new(
                "unreadable_input",
                format!("failed to read `{}`: {error}", path.display()),
            )
        };
        fs::read_to_string(path).map_err(failed)?
    } else {
        return Ok(None);
    };
    Ok(Some(text.trim().to_owned()))
}

/// The form of `resolution.jwt_claim_form`.
fn form(table: &Table) -> KeyForm {
    let resolution = table.get("resolution").and_then(Value::as_table);
    match resolution
        .and_then(|table| table.get("jwt_claim_form"))
        .and_then(Value::as_str)
    {
        Some("slug") => KeyForm::Slug,
        Some("external") => KeyForm::External,
        _ => KeyForm::Id,
    }
}
