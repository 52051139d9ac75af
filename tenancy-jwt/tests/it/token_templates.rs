//! Issuers with a name for each tenant, and lists of tenants in other shapes than an array.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use tenancy_core::directory::TenantRecord;
use tenancy_core::request::{ClaimPath, Claims, VerifiedClaims};
use tenancy_jwt::{
    BuildVerifierError, ClaimProblem, JwkProblem, JwtConfig, KeyAlgorithm, TenantsShape, TokenError, TokenVerifier,
    TokenVerifierBuilder, TrustedIssuer, VerificationKey,
};

use crate::jwks_support;
use crate::token_support::{HEADER, NOW, SECRET, hmac_key, keyless, payload, sign};

const TEMPLATE: &str = "https://login.example/{tenant}/v2.0";

fn issuer(template: &str) -> TrustedIssuer {
    TrustedIssuer::per_tenant(template, [hmac_key(Some("main"))]).with_audience("notes")
}

fn plain(name: &str) -> TrustedIssuer {
    TrustedIssuer::new(name, [hmac_key(Some("main"))]).with_audience("notes")
}

fn with(issuers: impl IntoIterator<Item = TrustedIssuer>) -> TokenVerifierBuilder {
    let builder = TokenVerifier::builder().with_tenants_claim(ClaimPath::literal("tenants").unwrap());
    issuers
        .into_iter()
        .fold(builder, TokenVerifierBuilder::with_trusted_issuer)
}

fn verify(builder: TokenVerifierBuilder, changes: &[&str]) -> Result<Claims, TokenError> {
    let token = sign(HEADER, payload(changes));
    builder.build().unwrap().verify_at(token.as_bytes(), NOW)
}

const ACME: &[&str] = &["iss=\"https://login.example/acme/v2.0\"", "tenant_id=\"acme\""];

fn record(id: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
}

/// The template alone, and where its tokens must be told from another issuer's.
fn both() -> [TokenVerifierBuilder; 2] {
    [
        with([issuer(TEMPLATE)]),
        with([plain("https://red.example"), issuer(TEMPLATE)]),
    ]
}

#[test]
fn a_token_is_of_the_tenant_in_its_issuers_name() {
    for builder in both() {
        let claims = verify(builder, ACME).unwrap();
        assert_eq!(claims.tenant().unwrap().as_str(), "acme");
        assert_eq!(claims.issuer(), Some("https://login.example/acme/v2.0"));
        // Also where someone else decides on membership.
        assert!(claims.may_speak_for(&record("acme")));
        assert!(!claims.may_speak_for(&record("globex")));
    }
}

#[test]
fn any_other_tenant_is_refused() {
    let missing = TokenError::Claim {
        claim: "tenant_claim",
        problem: ClaimProblem::Missing,
    };
    for (change, expected) in [
        ("tenant_id=\"globex\"", TokenError::TenantOfAnotherIssuer),
        (
            "iss=\"https://login.example/globex/v2.0\"",
            TokenError::TenantOfAnotherIssuer,
        ),
        ("tenant_id=", missing),
        ("tenants=[\"globex\"]", TokenError::TenantOfAnotherIssuer),
        ("tenants=[\"acme\",\"globex\"]", TokenError::TenantOfAnotherIssuer),
        ("iss=\"https://login.example//v2.0\"", TokenError::UnknownIssuer),
        ("iss=\"https://login.example/v2.0\"", TokenError::UnknownIssuer),
        ("iss=\"https://login.example/acme/x/v2.0\"", TokenError::UnknownIssuer),
        ("iss=\"https://login.example/acme\"", TokenError::UnknownIssuer),
        ("iss=\"https://login.example/acme/v2.0/\"", TokenError::UnknownIssuer),
        ("iss=\"https://login.example/{tenant}/v2.0\"", TokenError::UnknownIssuer),
        ("iss=\"https://LOGIN.example/acme/v2.0\"", TokenError::UnknownIssuer),
    ] {
        for builder in both() {
            let error = verify(builder, &[ACME, &[change]].concat()).err();
            assert_eq!(error, Some(expected), "{change}");
        }
    }
    assert!(verify(with([issuer(TEMPLATE)]), &[ACME, &["tenants=[\"acme\"]"]].concat()).is_ok());
}

#[test]
fn a_template_can_be_bound_to_some_tenants() {
    let bound = |tenant| with([issuer(TEMPLATE).with_tenants([tenant])]);
    assert!(verify(bound("acme"), ACME).is_ok());
    assert_eq!(verify(bound("globex"), ACME), Err(TokenError::TenantOfAnotherIssuer));
}

#[test]
fn a_template_has_its_tenant_once() {
    for template in [
        "https://login.example/v2.0",
        "{tenant}",
        "{tenant}.login.example",
        "https://{tenant}.example/{tenant}",
        "https://{x}.example/{tenant}",
        "https://login.example/{tenant}/{v}",
        "https://login.example/{tenantid}",
    ] {
        let error = with([issuer(template)]).build().unwrap_err();
        let template = template.to_owned();
        assert_eq!(error, BuildVerifierError::IssuerTemplate { template });
    }
    assert_eq!(with([issuer("")]).build().unwrap_err(), BuildVerifierError::EmptyName);
}

/// No `iss` may be of two issuers.
#[test]
fn issuers_do_not_overlap() {
    for (one, other, overlap) in [
        (issuer(TEMPLATE), plain("https://login.example/acme/v2.0"), true),
        (issuer(TEMPLATE), plain("https://login.example/acme/v1.0"), false),
        (issuer(TEMPLATE), plain("https://login.example/acme/x/v2.0"), false),
        (issuer(TEMPLATE), plain(TEMPLATE), false),
        (issuer(TEMPLATE), issuer(TEMPLATE), true),
        (issuer(TEMPLATE), issuer("https://login.{tenant}/v2.0"), true),
        (issuer(TEMPLATE), issuer("https://login.example/{tenant}/v1.0"), false),
        (issuer(TEMPLATE), issuer("https://login.other/{tenant}/v2.0"), false),
    ] {
        let names = format!("{one:?} {other:?}");
        let result = with([one, other]).build();
        let is_refused = matches!(&result, Err(BuildVerifierError::RepeatedIssuer { .. }));
        assert_eq!((is_refused, result.is_ok()), (overlap, !overlap), "{names}");
    }
    // In the other order, too.
    let reversed = with([plain("https://login.example/acme/v2.0"), issuer(TEMPLATE)]);
    assert!(matches!(
        reversed.build(),
        Err(BuildVerifierError::RepeatedIssuer { .. })
    ));
}

/// A JWK can name its issuer, and is no other issuer's then, whatever the verifier is configured to accept.
#[test]
fn a_published_issuer_holds_without_a_template_too() {
    const ONE: &str = "https://login.example/acme/v2.0";
    let key = |issuer: &str| {
        let jwk = jwks_support::with(
            jwks_support::named(jwks_support::rsa(), "1"),
            json!({ "issuer": issuer }),
        );
        VerificationKey::from_jwk(jwk.to_string().as_bytes(), &KeyAlgorithm::PUBLIC).unwrap()
    };
    let any_issuer = |key| {
        let builder = TokenVerifier::builder().with_key(key).with_audience("notes");
        builder.dangerously_accept_any_issuer()
    };
    let verify = |builder: TokenVerifierBuilder, changes: &[&str]| {
        let token = jwks_support::sign("RS256", Some("1"), changes);
        builder.build().unwrap().verify_at(token.as_bytes(), NOW).map(drop)
    };
    for (issuer, expected) in [
        (ONE, Ok(())),
        ("https://login.example/{tenantid}/v2.0", Ok(())),
        ("https://login.example/globex/v2.0", Err(TokenError::KeyOfAnotherIssuer)),
        (
            "https://other.example/{tenantid}/v2.0",
            Err(TokenError::KeyOfAnotherIssuer),
        ),
        (
            "https://login.example/{tenant}/v2.0",
            Err(TokenError::KeyOfAnotherIssuer),
        ),
        ("", Err(TokenError::KeyOfAnotherIssuer)),
    ] {
        let exact = with([TrustedIssuer::new(ONE, [key(issuer)]).with_audience("notes")]);
        assert_eq!(verify(exact, ACME), expected, "{issuer}");
        assert_eq!(verify(any_issuer(key(issuer)), ACME), expected, "{issuer}");
    }
    assert_eq!(
        verify(any_issuer(key(ONE)), &["iss="]),
        Err(TokenError::KeyOfAnotherIssuer)
    );
    for issuer in [
        json!(null),
        json!([ONE]),
        json!("{tenantid}"),
        json!("https://{tenantid}/{tenantid}"),
    ] {
        let jwk = jwks_support::with(jwks_support::rsa(), json!({ "issuer": issuer }));
        let jwk = if issuer.is_null() {
            jwk.to_string().replacen('{', "{\"issuer\":null,", 1)
        } else {
            jwk.to_string()
        };
        let error = VerificationKey::from_jwk(jwk.as_bytes(), &KeyAlgorithm::PUBLIC).unwrap_err();
        assert_eq!(error, JwkProblem::Member("issuer"), "{issuer}");
    }
}

#[derive(Deserialize)]
struct File {
    jwt: JwtConfig,
}

fn configure(settings: &str) -> Result<TokenVerifierBuilder, String> {
    let folder = TempDir::new().unwrap();
    let text = format!("[jwt]\n{settings}");
    let file: File = toml::from_str(&text).map_err(|error| error.to_string())?;
    file.jwt
        .verifier_builder(folder.path())
        .map_err(|error| error.to_string())
}

#[test]
fn a_template_is_configured_in_place_of_a_name() {
    let secret = String::from_utf8(SECRET.to_vec()).unwrap();
    let keys =
        format!("audience = \"notes\"\nkeys = [{{ kid = \"main\", algorithm = \"HS256\", secret = \"{secret}\" }}]");
    let table = |name: &str| format!("[[jwt.issuers]]\n{name}\n{keys}");
    let builder = configure(&table(&format!("issuer_template = \"{TEMPLATE}\""))).unwrap();
    assert!(verify(builder, ACME).is_ok());
    // The same text as a name is a name.
    let builder = configure(&table(&format!("issuer = \"{TEMPLATE}\""))).unwrap();
    assert_eq!(verify(builder, ACME), Err(TokenError::UnknownIssuer));

    for (settings, expected) in [
        (table(""), "`jwt.issuers[0].issuer`: expected a text"),
        (
            table("issuer_template = \"\""),
            "`jwt.issuers[0].issuer_template`: expected a text",
        ),
        (
            table(&format!("issuer = \"a\"\nissuer_template = \"{TEMPLATE}\"")),
            "`jwt.issuers[0].issuer` and `jwt.issuers[0].issuer_template` contradict each other",
        ),
        (
            format!("[[jwt.issuers]]\naudience = \"a\"\nissuer_template = \"{TEMPLATE}\"\ndiscovery = true"),
            "`jwt.issuers[0].discovery` and `jwt.issuers[0].issuer_template` contradict each other",
        ),
    ] {
        let error = configure(&settings).unwrap_err();
        assert!(error.starts_with(expected), "expected {expected} in: {error}");
    }
}

fn listed(shape: TenantsShape, json: &str) -> Result<Vec<&'static str>, TokenError> {
    let builder = keyless().with_key(hmac_key(Some("main")));
    let builder = builder.with_tenants_claim(ClaimPath::literal("organization").unwrap());
    let claims = verify(builder.with_tenants_shape(shape), &[&format!("organization={json}")])?;
    let all = ["acme", "globex", "id", "initech"];
    Ok(all.into_iter().filter(|id| claims.lists(&record(id))).collect())
}

#[test]
fn a_list_has_the_configured_shape() {
    use TenantsShape::{Array, Ids, Names};
    let array = r#"["acme","globex"]"#;
    let names = r#"{"acme":{},"globex":{"id":"initech"}}"#;
    let ids = r#"{"Acme Inc.":{"id":"acme","groups":[]},"initech":{"id":"globex"}}"#;
    let both = Ok(vec!["acme", "globex"]);
    for (shape, json) in [(Array, array), (Names, names), (Ids, ids)] {
        assert_eq!(listed(shape, json), both, "{shape:?}");
    }
    for shape in [Names, Ids] {
        assert_eq!(listed(shape, "{}"), Ok(vec![]));
    }
    let refused = |problem| {
        Err(TokenError::Claim {
            claim: "tenants_claim",
            problem,
        })
    };
    for (shape, problem, others) in [
        (Array, ClaimProblem::NotList, [names, ids, "null"]),
        (Names, ClaimProblem::NotNames, [array, "[{\"acme\":{}}]", "\"acme\""]),
        (
            Ids,
            ClaimProblem::NotIds,
            [array, r#"{"acme":{}}"#, r#"{"acme":{"id":7}}"#],
        ),
    ] {
        for json in others {
            assert_eq!(listed(shape, json), refused(problem), "{shape:?} {json}");
        }
    }
    // One bad name among good ones, and a good one beside a member without.
    for (shape, json) in [
        (Names, r#"{"acme":{},"Globex":{}}"#),
        (Ids, r#"{"a":{"id":"acme"},"b":{"id":"Globex"}}"#),
    ] {
        let error = listed(shape, json);
        assert!(
            matches!(
                error,
                Err(TokenError::Claim {
                    problem: ClaimProblem::Name(_),
                    ..
                })
            ),
            "{error:?}"
        );
    }
    assert_eq!(
        listed(Ids, r#"{"a":{"id":"acme"},"b":"globex"}"#),
        refused(ClaimProblem::NotIds)
    );
}

#[test]
fn the_shape_is_configured() {
    let shape = |text: &str| toml::from_str::<File>(&format!("[jwt]\n{text}")).map(|file| file.jwt.tenants_claim_shape);
    assert_eq!(shape("").unwrap(), TenantsShape::Array);
    assert_eq!(shape("tenants_claim_shape = \"names\"").unwrap(), TenantsShape::Names);
    assert_eq!(shape("tenants_claim_shape = \"ids\"").unwrap(), TenantsShape::Ids);
    assert!(shape("tenants_claim_shape = \"Ids\"").is_err());
}
