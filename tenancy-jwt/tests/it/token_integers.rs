//! Tenants that a token names by a whole number.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde::Deserialize;
use tenancy_core::directory::TenantRecord;
use tenancy_core::request::{ClaimPath, Claims, VerifiedClaims};
use tenancy_jwt::{ClaimProblem, JwtConfig, TenantsShape, TokenError, TokenVerifierBuilder};

use crate::token_support::{HEADER, NOW, hmac_key, keyless, payload, sign};

fn builder() -> TokenVerifierBuilder {
    let builder = keyless().with_key(hmac_key(Some("main")));
    builder.with_tenants_claim(ClaimPath::literal("tenants").unwrap())
}

fn verify(builder: TokenVerifierBuilder, tenant: &str, tenants: &str) -> Result<Claims, TokenError> {
    let changes = [format!("tenant_id={tenant}"), format!("tenants={tenants}")];
    let token = sign(HEADER, payload(&[&changes[0], &changes[1]]));
    builder.build().unwrap().verify_at(token.as_bytes(), NOW)
}

fn tenant(builder: TokenVerifierBuilder, json: &str) -> Result<String, TokenError> {
    let claims = verify(builder, json, "[]")?;
    Ok(claims.tenant().unwrap().as_str().to_owned())
}

fn refused(claim: &'static str, problem: ClaimProblem) -> TokenError {
    TokenError::Claim { claim, problem }
}

#[test]
fn a_number_names_no_tenant_unless_it_is_configured() {
    let expected = Err(refused("tenant_claim", ClaimProblem::NotText));
    assert_eq!(tenant(builder(), "7"), expected);
    assert_eq!(tenant(builder().with_integer_tenants(false), "7"), expected);
    let listed = verify(builder(), "\"7\"", "[7]");
    assert_eq!(listed, Err(refused("tenants_claim", ClaimProblem::NotList)));
}

#[test]
fn a_whole_number_stands_for_its_digits() {
    for (json, expected) in [
        ("7", "7"),
        ("0", "0"),
        ("\"7\"", "7"),
        ("\"acme\"", "acme"),
        ("9007199254740991", "9007199254740991"),
    ] {
        assert_eq!(
            tenant(builder().with_integer_tenants(true), json).unwrap(),
            expected,
            "{json}"
        );
    }
}

#[test]
fn a_number_has_one_spelling() {
    for json in [
        "-7",
        "-0",
        "7.0",
        "0.0",
        "7.5",
        "7e0",
        "7E+1",
        "70e-1",
        "1e300",
        "9007199254740992",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "true",
        "null",
        "[7]",
        "{\"id\":7}",
    ] {
        let error = tenant(builder().with_integer_tenants(true), json);
        assert_eq!(error, Err(refused("tenant_claim", ClaimProblem::NotText)), "{json}");
    }
    for json in ["07", "+7", "0x7", "7_0", "NaN"] {
        let error = tenant(builder().with_integer_tenants(true), json);
        assert!(
            matches!(error, Err(TokenError::MalformedPayload(_))),
            "{json}: {error:?}"
        );
    }
}

#[test]
fn a_list_names_tenants_by_numbers_too() {
    let lists = |shape, json: &str| {
        let builder = builder().with_integer_tenants(true).with_tenants_shape(shape);
        let claims = verify(builder, "7", json)?;
        let record = |id: &&str| TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
        Ok::<_, TokenError>(
            ["7", "8", "acme"]
                .into_iter()
                .filter(|id| claims.lists(&record(id)))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        lists(TenantsShape::Array, "[7, \"acme\", 8]").unwrap(),
        ["7", "8", "acme"]
    );
    assert_eq!(
        lists(TenantsShape::Ids, "{\"a\":{\"id\":8},\"b\":{\"id\":\"acme\"}}").unwrap(),
        ["8", "acme"]
    );
    assert_eq!(lists(TenantsShape::Names, "{\"8\":{}}").unwrap(), ["8"]);
    for json in ["[7, 8.0]", "[7, -8]", "[7, null]", "7"] {
        let error = lists(TenantsShape::Array, json);
        assert_eq!(error, Err(refused("tenants_claim", ClaimProblem::NotList)), "{json}");
    }
}

#[test]
fn times_are_numbers_as_before() {
    let exp = format!("exp={}", NOW + 60);
    let token = sign(HEADER, payload(&[&exp, "tenant_id=7", "tenants=[]"]));
    let verifier = builder().with_integer_tenants(true).build().unwrap();
    assert!(verifier.verify_at(token.as_bytes(), NOW).is_ok());
}

#[test]
fn it_is_configured() {
    #[derive(Deserialize)]
    struct File {
        jwt: JwtConfig,
    }
    let secret = "[[jwt.keys]]\nkid = \"main\"\nalgorithm = \"HS256\"\nsecret = \"0123456789abcdef0123456789abcdef\"";
    let accepts = |text: &str| {
        let text = format!("[jwt]\nissuer = \"a\"\naudience = \"b\"\n{text}\n{secret}");
        let file: File = toml::from_str(&text).unwrap();
        let builder = file.jwt.verifier_builder(std::path::Path::new(".")).unwrap();
        format!("{builder:?}").contains("TextOrInteger")
    };
    assert!(accepts("integer_tenants = true"));
    assert!(!accepts("integer_tenants = false") && !accepts(""));
}
