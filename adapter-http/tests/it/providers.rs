//! The recipes of `docs/identity-providers.md`: its configurations, its tokens, and what comes of them.

#![cfg(feature = "jwt")]

use serde_json::{Value, json};

use crate::providers_support::{Change, Recipe, headings, key};

const INVALID: &str = "401 invalid_token";
const REQUIRED: &str = "401 tenant_required";
const FORBIDDEN: &str = "403 forbidden";

/// A recipe, and what its page promises.
struct Case {
    heading: &'static str,
    /// The organisation of the page's token, as the record of the tenant `acme` has it.
    external_id: Option<&'static str>,
    admitted: &'static str,
    /// Where the claim stands that names the tenants, and a good value of another organisation.
    claim: &'static str,
    stranger: Value,
    /// Values of that claim that are none.
    malformed: Vec<Value>,
    /// Without the claim.
    missing: &'static str,
    has_audience: bool,
}

impl Case {
    fn new(heading: &'static str, admitted: &'static str, claim: &'static str) -> Self {
        Self {
            heading,
            external_id: None,
            admitted,
            claim,
            stranger: json!("org_stranger"),
            malformed: vec![
                json!(null),
                json!(7),
                json!(["org_9ybsU1dN2dKfDkBi"]),
                json!({}),
                json!(""),
                json!("a b"),
            ],
            missing: REQUIRED,
            has_audience: true,
        }
    }
}

fn strings() -> [Case; 5] {
    [
        Case {
            external_id: Some("org_9ybsU1dN2dKfDkBi"),
            ..Case::new(
                "Auth0",
                "acme auth0|602c0dcab993d10073daf680 notes:read,notes:write",
                "/org_id",
            )
        },
        Case {
            external_id: Some("org_2a1B3c4D"),
            has_audience: false,
            ..Case::new("Clerk, version 2", "acme user_123 admin", "/o/id")
        },
        Case {
            external_id: Some("org_2a1B3c4D"),
            has_audience: false,
            ..Case::new("Clerk, version 1", "acme user_123 org:admin", "/org_id")
        },
        Case {
            external_id: Some("org_01HRDMC6CM357W30QMHMQ96Q0S"),
            has_audience: false,
            ..Case::new(
                "WorkOS",
                "acme user_01HBEQKA6K4QJAS93VPE39W1JT member,billing",
                "/org_id",
            )
        },
        Case {
            stranger: json!("initech"),
            ..Case::new(
                "Keycloak, one tenant for each user",
                "acme 8cd79aa4-78fe-46ce-97a9-e9bfdc0e49be editor",
                "/tenant_id",
            )
        },
    ]
}

/// The claim names several, and the host says which: nobody has roles there.
fn lists() -> [Case; 2] {
    const SUBJECT: &str = "acme 8cd79aa4-78fe-46ce-97a9-e9bfdc0e49be ";
    let (number, null) = (json!(7), json!(null));
    [
        Case {
            stranger: json!(["umbrella", "globex"]),
            malformed: vec![
                null.clone(),
                number.clone(),
                json!("acme"),
                json!({ "acme": {} }),
                json!(["acme", 7]),
            ],
            missing: FORBIDDEN,
            ..Case::new("Keycloak, a list of names", SUBJECT, "/organization")
        },
        Case {
            external_id: Some("42c3e46f-2477-44d7-a85b-d3b43f6b31fa"),
            // The alias is that of the tenant, and the organisation another.
            stranger: json!({ "acme": { "id": "6d2d7ba0-0c53-4bd0-9d4f-0a4b6a6c9a51" } }),
            malformed: vec![
                null,
                number,
                json!(["testcorp"]),
                json!([{ "testcorp": { "id": "42c3e46f-2477-44d7-a85b-d3b43f6b31fa" } }]),
                json!({ "testcorp": {} }),
                json!({ "testcorp": { "id": 7 } }),
                json!({ "testcorp": "42c3e46f-2477-44d7-a85b-d3b43f6b31fa" }),
            ],
            missing: FORBIDDEN,
            ..Case::new("Keycloak, organizations with ids", SUBJECT, "/organization")
        },
    ]
}

async fn check(case: &Case) {
    let recipe = Recipe::of(case.heading);
    let service = recipe.service(&[key()], &[("acme", case.external_id), ("globex", None)]);
    let host = "acme.notes.example";
    let ask = async |changes: &[Change<'_>]| service.ask(host, &recipe.token(changes), "1").await;
    let named = |value: &Value| [(case.claim, Some(value.clone()))];

    assert_eq!(ask(&[]).await, case.admitted, "{}", case.heading);
    assert_eq!(ask(&named(&case.stranger)).await, FORBIDDEN, "{}", case.heading);
    for malformed in &case.malformed {
        assert_eq!(ask(&named(malformed)).await, INVALID, "{}: {malformed}", case.heading);
    }
    assert_eq!(ask(&[(case.claim, None)]).await, case.missing, "{}", case.heading);
    for iss in ["https://evil.example", "https://evil.example/"] {
        assert_eq!(
            ask(&[("/iss", Some(json!(iss)))]).await,
            INVALID,
            "{}: {iss}",
            case.heading
        );
    }
    let other = if case.has_audience { INVALID } else { case.admitted };
    assert_eq!(ask(&[("/aud", Some(json!("other")))]).await, other, "{}", case.heading);
    assert_eq!(
        service.ask(host, &recipe.token(&[]), "2").await,
        INVALID,
        "{}",
        case.heading
    );
}

#[tokio::test]
async fn recipes_hold() {
    for case in strings().iter().chain(&lists()) {
        check(case).await;
    }
}

/// Each section of the page is tested here or, with a name for each tenant, beside this file.
#[test]
fn no_recipe_is_untested() {
    let mut tested: Vec<_> = strings().iter().chain(&lists()).map(|case| case.heading).collect();
    tested.push("Microsoft Entra ID");
    tested.sort_unstable();
    let mut written = headings();
    written.sort_unstable();
    assert_eq!(written, tested);
}

/// Who has no organisation has no object that would name it.
#[tokio::test]
async fn clerk_without_an_active_organization() {
    let recipe = Recipe::of("Clerk, version 2");
    let service = recipe.service(&[key()], &[("acme", Some("org_2a1B3c4D"))]);
    let pending = recipe.token(&[("/o", None), ("/sts", Some(json!("pending")))]);
    assert_eq!(service.ask("notes.example", &pending, "1").await, REQUIRED);
    // A token of version 1 is one that names none.
    let old = Recipe::of("Clerk, version 1").token(&[]);
    assert_eq!(service.ask("notes.example", &old, "1").await, REQUIRED);
    let null = recipe.token(&[("/o", Some(json!(null)))]);
    assert_eq!(service.ask("notes.example", &null, "1").await, INVALID);
}

/// A session token without an organisation of its own says nothing of the one in the host.
#[tokio::test]
async fn keycloak_hosts_choose_among_the_list() {
    let recipe = Recipe::of("Keycloak, a list of names");
    let service = recipe.service(&[key()], &[("acme", None), ("umbrella", None), ("globex", None)]);
    let token = recipe.token(&[]);
    for (host, expected) in [
        ("acme.notes.example", "acme 8cd79aa4-78fe-46ce-97a9-e9bfdc0e49be "),
        (
            "umbrella.notes.example",
            "umbrella 8cd79aa4-78fe-46ce-97a9-e9bfdc0e49be ",
        ),
        ("globex.notes.example", FORBIDDEN),
        ("notes.example", REQUIRED),
    ] {
        assert_eq!(service.ask(host, &token, "1").await, expected, "{host}");
    }
}

/// Roles of the wrong shape are no roles: the token is refused.
#[tokio::test]
async fn roles_are_texts() {
    for (heading, external_id, claim) in [
        ("Auth0", Some("org_9ybsU1dN2dKfDkBi"), "/permissions"),
        ("Clerk, version 2", Some("org_2a1B3c4D"), "/o/rol"),
        ("Clerk, version 1", Some("org_2a1B3c4D"), "/org_role"),
        ("WorkOS", Some("org_01HRDMC6CM357W30QMHMQ96Q0S"), "/roles"),
        (
            "Keycloak, one tenant for each user",
            None,
            "/resource_access/notes-api/roles",
        ),
    ] {
        let recipe = Recipe::of(heading);
        let service = recipe.service(&[key()], &[("acme", external_id)]);
        let ask = async |change: Change<'_>| service.ask("notes.example", &recipe.token(&[change]), "1").await;
        for malformed in [json!(null), json!(1), json!({ "editor": true }), json!(["editor", 1])] {
            assert_eq!(ask((claim, Some(malformed))).await, INVALID, "{heading}");
        }
        let without = ask((claim, None)).await;
        assert!(
            without.starts_with("acme ") && without.ends_with(' '),
            "{heading}: {without}"
        );
    }
}
