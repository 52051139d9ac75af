//! Tokens that another library has signed: each is accepted or refused as its making says.
//!
//! `tests/foreign/generate.py` makes them, and `cargo xtask foreign-tokens` has it make fresh ones.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use tempfile::TempDir;
use tenancy_core::config::{EnforcementConfig, ResolutionConfig, TenancyConfig};
use tenancy_core::names::KeyForm;
use tenancy_core::request::Claims;
use tenancy_jwt::{JwtConfig, TokenError, TokenVerifier};

/// Where fresh tokens are, in place of those beside this file.
const FOLDER: &str = "TENANCY_FOREIGN_TOKENS";

const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

#[derive(Deserialize)]
struct Setups {
    now: u64,
    issuer: String,
    setups: BTreeMap<String, Setup>,
}

#[derive(Deserialize)]
struct Setup {
    tables: Tables,
    files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Tables {
    resolution: ResolutionConfig,
    enforcement: EnforcementConfig,
    jwt: JwtConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    algorithm: String,
    setup: String,
    accept: Option<Told>,
    refuse: Option<String>,
    token: String,
}

/// What an accepted token says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    subject: String,
    tenant: Option<String>,
    tenants: Vec<String>,
    roles: Vec<String>,
}

fn read(file: &str) -> String {
    let beside = || format!("{}/tests/foreign", env!("CARGO_MANIFEST_DIR")).into();
    let folder: PathBuf = std::env::var_os(FOLDER).map_or_else(beside, Into::into);
    let path = folder.join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn cases() -> Vec<Case> {
    let lines = read("cases.jsonl");
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A verifier, and the form of the tenants that it reads.
fn verifier(setup: &Setup) -> (TokenVerifier, KeyForm) {
    let folder = TempDir::new().unwrap();
    for (name, content) in &setup.files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let mut config = TenancyConfig::default();
    config.resolution = setup.tables.resolution.clone();
    config.enforcement = setup.tables.enforcement.clone();
    let builder = setup.tables.jwt.verifier_builder(folder.path()).unwrap();
    let verifier = builder.with_claims_of(&config).unwrap().build().unwrap();
    (verifier, config.resolution.jwt_claim_form)
}

impl Told {
    fn claims(&self, issuer: &str, form: KeyForm) -> Claims {
        let key = |name: &String| form.parse(name.as_bytes()).unwrap();
        let claims = Claims::new(self.subject.parse().unwrap())
            .with_issuer(issuer)
            .with_tenants(self.tenants.iter().map(key))
            .with_roles(self.roles.iter().map(|role| role.parse().unwrap()).collect());
        match &self.tenant {
            Some(tenant) => claims.with_tenant(key(tenant)),
            None => claims,
        }
    }
}

/// The rule that a token breaks, in the words of the generator.
fn fault(error: TokenError) -> &'static str {
    match error {
        TokenError::TooLong | TokenError::NotCompact | TokenError::NotCanonical => "compact",
        TokenError::MalformedHeader(_) => "header",
        TokenError::MalformedAlgorithm | TokenError::WrongAlgorithm { .. } => "algorithm",
        TokenError::MalformedKid | TokenError::UnknownKid | TokenError::MissingKid => "kid",
        TokenError::CriticalExtension => "critical",
        TokenError::WrongType => "type",
        TokenError::InvalidSignature => "signature",
        TokenError::MalformedPayload(_) => "payload",
        TokenError::Expired | TokenError::NotYetValid | TokenError::IssuedInFuture => "time",
        TokenError::UnknownIssuer => "issuer",
        TokenError::WrongAudience => "audience",
        TokenError::Claim { .. } => "claim",
        _ => "something else",
    }
}

#[test]
fn each_token_comes_to_what_its_making_says() {
    let Setups { now, issuer, setups } = serde_json::from_str(&read("setups.json")).unwrap();
    let verifiers: BTreeMap<_, _> = setups.iter().map(|(name, setup)| (name, verifier(setup))).collect();
    let mut wrong = Vec::new();
    for case in cases() {
        let (verifier, form) = verifiers.get(&case.setup).unwrap();
        let verdict = verifier.verify_at(case.token.as_bytes(), now);
        let is_right = match (&verdict, &case.accept, &case.refuse) {
            (Ok(claims), Some(expected), None) => *claims == expected.claims(&issuer, *form),
            (Err(error), None, Some(expected)) => fault(*error) == expected,
            _ => false,
        };
        if !is_right {
            let expected = case.refuse.as_deref().unwrap_or("accepted");
            wrong.push(format!(
                "{}: {}: expected {expected}, not {verdict:?}",
                case.algorithm, case.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A file that has lost its cases would prove nothing.
#[test]
fn every_algorithm_has_its_cases() {
    let cases = cases();
    assert!(cases.len() >= 1000, "{}", cases.len());
    for algorithm in ALGORITHMS {
        let of_it = |case: &&Case| case.algorithm == algorithm;
        let good = cases.iter().filter(of_it).filter(|case| case.accept.is_some()).count();
        let bad = cases.iter().filter(of_it).filter(|case| case.refuse.is_some()).count();
        assert!(good >= 5 && bad >= 60, "{algorithm}: {good} good, {bad} bad");
    }
    for fault in [
        "compact",
        "header",
        "algorithm",
        "kid",
        "critical",
        "type",
        "signature",
        "payload",
        "time",
        "issuer",
        "audience",
        "claim",
    ] {
        assert!(
            cases.iter().any(|case| case.refuse.as_deref() == Some(fault)),
            "{fault}"
        );
    }
}
