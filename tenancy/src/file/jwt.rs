//! The table `[jwt]`: whose tokens are accepted.

#[cfg(feature = "jwt")]
pub use with_feature::JwtTable;
#[cfg(all(feature = "http", feature = "jwt"))]
pub(crate) use with_feature::{WithPayload, build_verifier};
#[cfg(not(feature = "jwt"))]
pub use without_feature::JwtTable;

#[cfg(feature = "http")]
use super::check::Check;

/// Notes that the issuers of the file are not the ones that are used.
#[cfg(feature = "http")]
pub(crate) fn refuse_unused(table: Option<&JwtTable>, check: &mut Check) {
    if table.is_some() {
        check.problem(
            "jwt",
            "`with_authenticator` verifies callers, and this table would not be read: remove one of the two",
        );
    }
}

#[cfg(feature = "jwt")]
mod with_feature {
    /// The table `[jwt]`.
    pub type JwtTable = tenancy_jwt::JwtConfig;

    #[cfg(feature = "http")]
    use tenancy_core::config::TenancyConfig;
    #[cfg(feature = "http")]
    use tenancy_jwt::{BuildVerifierError, JwtConfigError, TokenVerifier, TokenVerifierBuilder};

    #[cfg(feature = "http")]
    use crate::file::check::Check;

    /// Sets the type of payloads.
    #[cfg(feature = "http")]
    pub(crate) type WithPayload = fn(TokenVerifierBuilder) -> TokenVerifierBuilder;

    /// The verifier, or everything that is wrong with the table.
    #[cfg(feature = "http")]
    pub(crate) fn build_verifier(
        table: &JwtTable,
        tenancy: &TenancyConfig,
        payload: Option<WithPayload>,
        check: &mut Check,
    ) -> Option<TokenVerifier> {
        let builder = match table.verifier_builder(check.base_dir()) {
            Ok(builder) => builder,
            Err(error) => {
                each_part(table, &error, check);
                return None;
            }
        };
        // What is wrong with the claims' names is found with the rest of `[resolution]`.
        let builder = builder.with_claims_of(tenancy).ok()?;
        let builder = payload.into_iter().fold(builder, |builder, with| with(builder));
        match builder.build() {
            Ok(verifier) => Some(verifier),
            Err(error) => {
                let key = match &error {
                    _ if !table.issuers.is_empty() => "jwt.issuers",
                    BuildVerifierError::IssuersTenant { .. } => "jwt.issuer_tenants",
                    _ => "jwt.keys",
                };
                check.problem(key, chain(&error));
                None
            }
        }
    }

    /// What is wrong with each part by itself, and with all of it together. A part is read beside a table that is right,
    /// but for its keys, which come last.
    #[cfg(feature = "http")]
    fn each_part(table: &JwtTable, all: &JwtConfigError, check: &mut Check) {
        note(all, None, check);
        for take in PARTS {
            let mut one = JwtTable::default();
            one.dangerously_accept_any_issuer = true;
            one.dangerously_accept_any_audience = true;
            take(&mut one, table);
            match one.verifier_builder(check.base_dir()) {
                Err(JwtConfigError::Required { setting, .. }) if setting == "jwt.keys" => {}
                Err(error) => note(&error, None, check),
                Ok(_) => {}
            }
        }
        for (index, issuer) in table.issuers.iter().enumerate() {
            let mut one = JwtTable::default();
            one.issuers = vec![issuer.clone()];
            if let Err(error) = one.verifier_builder(check.base_dir()) {
                note(&error, Some(("jwt.issuers[0]", format!("jwt.issuers[{index}]"))), check);
            }
        }
        for (index, key) in table.keys.iter().enumerate() {
            let mut one = JwtTable::default();
            one.dangerously_accept_any_issuer = true;
            one.dangerously_accept_any_audience = true;
            one.keys = vec![key.clone()];
            if let Err(error) = one.verifier_builder(check.base_dir()) {
                note(&error, Some(("jwt.keys[0]", format!("jwt.keys[{index}]"))), check);
            }
        }
    }

    /// The parts of the table that concern all keys.
    #[cfg(feature = "http")]
    const PARTS: [fn(&mut JwtTable, &JwtTable); 7] = [
        |one, table| one.leeway_seconds = table.leeway_seconds,
        |one, table| one.typ.clone_from(&table.typ),
        |one, table| one.roles_claim.clone_from(&table.roles_claim),
        |one, table| one.staff_claim.clone_from(&table.staff_claim),
        |one, table| one.token_cache = table.token_cache.clone(),
        |one, table| {
            // Issuers with keys of their own stand in place of these.
            if table.issuers.is_empty() {
                one.issuer.clone_from(&table.issuer);
                one.issuer_tenants.clone_from(&table.issuer_tenants);
                one.dangerously_accept_any_issuer = table.dangerously_accept_any_issuer;
            }
        },
        |one, table| {
            if table.issuers.is_empty() {
                one.audience.clone_from(&table.audience);
                one.dangerously_accept_any_audience = table.dangerously_accept_any_audience;
            }
        },
    ];

    /// The error begins with its key in backticks.
    #[cfg(feature = "http")]
    fn note(error: &JwtConfigError, place: Option<(&str, String)>, check: &mut Check) {
        let text = chain(error);
        let text = match &place {
            Some((first, real)) => text.replace(first, real),
            None => text,
        };
        let named = text.strip_prefix('`').and_then(|text| text.split_once('`'));
        match named {
            Some((key, problem)) if key.starts_with("jwt") => {
                check.problem(key, problem.strip_prefix(": ").unwrap_or(problem).trim_start());
            }
            _ => check.problem("jwt", text),
        }
    }

    #[cfg(feature = "http")]
    fn chain(error: &(dyn std::error::Error + 'static)) -> String {
        crate::open::chain(error)
    }
}

#[cfg(not(feature = "jwt"))]
mod without_feature {
    use serde::de::{Deserialize, Deserializer, Error};

    /// The table `[jwt]`, which a build with the feature `jwt` reads.
    #[derive(Clone, Copy, Debug)]
    #[non_exhaustive]
    pub struct JwtTable;

    impl<'de> Deserialize<'de> for JwtTable {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(D::Error::custom(
                "this table needs a build of `tenancy` with the feature `jwt`",
            ))
        }
    }
}
