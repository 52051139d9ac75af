//! Microsoft Entra ID: an issuer for each directory, and keys that several issuers share.

#![cfg(feature = "jwt")]

use serde_json::{Value, json};

use crate::jwks_support::{named, with};
use crate::providers_support::{Change, Recipe, Service, key};

const ACME: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const GLOBEX: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const ANY: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
const ADMITTED: &str = "acme HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ Notes.Editor";
const INVALID: &str = "401 invalid_token";
const FORBIDDEN: &str = "403 forbidden";

fn issuer(tid: &str) -> String {
    format!("https://login.microsoftonline.com/{tid}/v2.0")
}

/// The key set as Microsoft publishes it: one key for every directory, one for personal accounts.
fn keys() -> [Value; 2] {
    [
        with(key(), json!({ "issuer": ANY })),
        with(named(key(), "personal"), json!({ "issuer": issuer(CONSUMERS) })),
    ]
}

fn service(recipe: &Recipe) -> Service {
    let tenants = [("acme", Some(ACME)), ("globex", Some(GLOBEX))];
    recipe.service(&keys(), &tenants)
}

async fn ask(changes: &[Change<'_>]) -> String {
    let recipe = Recipe::of("Microsoft Entra ID");
    service(&recipe).ask("notes.example", &recipe.token(changes), "1").await
}

fn of(tid: &str) -> [Change<'static>; 2] {
    [("/tid", Some(json!(tid))), ("/iss", Some(json!(issuer(tid))))]
}

#[tokio::test]
async fn a_directory_is_bound_to_its_own_tenant() {
    assert_eq!(ask(&[]).await, ADMITTED);
    assert_eq!(ask(&of(GLOBEX)).await, ADMITTED.replace("acme", "globex"));
    // Anyone's directory may sign tokens for this application; one that is no tenant's is a stranger.
    assert_eq!(ask(&of("fa15d692-e9c7-4460-a743-29f2956fd429")).await, FORBIDDEN);
}

#[tokio::test]
async fn the_issuer_must_be_that_of_the_directory() {
    for (tid, iss) in [
        // The signature holds, and the issuer is one of the template's: but of another directory.
        (ACME, issuer(GLOBEX)),
        (GLOBEX, issuer(ACME)),
        (ACME, issuer(&ACME.to_uppercase())),
        (ACME, issuer("")),
        (ACME, issuer("common")),
        (ACME, issuer("{tenant}")),
        (ACME, issuer("{tenantid}")),
        (ACME, format!("{}/", issuer(ACME))),
        (ACME, issuer(&format!("evil/{ACME}"))),
        (ACME, issuer(&format!("{ACME}/v2.0/{ACME}"))),
        (ACME, issuer(&format!("evil.example%2F{ACME}"))),
        (ACME, format!("https://evil.example/{ACME}/v2.0")),
        (ACME, format!("https://sts.windows.net/{ACME}/")),
    ] {
        let changes = [("/tid", Some(json!(tid))), ("/iss", Some(json!(iss)))];
        assert_eq!(ask(&changes).await, INVALID, "{iss}");
    }
}

#[tokio::test]
async fn a_directory_that_is_not_told_is_none() {
    for tid in [
        json!(null),
        json!(7),
        json!([ACME]),
        json!({ "id": ACME }),
        json!(""),
        json!(" "),
    ] {
        assert_eq!(ask(&[("/tid", Some(tid.clone()))]).await, INVALID, "{tid}");
    }
    // Without it the issuer cannot be checked.
    assert_eq!(ask(&[("/tid", None)]).await, INVALID);
    for iss in [None, Some(json!(null)), Some(json!([issuer(ACME)]))] {
        assert_eq!(ask(&[("/iss", iss)]).await, INVALID);
    }
    assert_eq!(ask(&[("/aud", Some(json!("api://6e74172b")))]).await, INVALID);
}

/// A key that is published for one issuer signs in nobody else's name.
#[tokio::test]
async fn a_key_verifies_tokens_of_the_issuers_that_it_is_published_for() {
    let recipe = Recipe::of("Microsoft Entra ID");
    let tenants = [("acme", Some(ACME)), ("personal", Some(CONSUMERS))];
    let ask = async |keys: &[Value], kid, changes: &[Change<'_>]| {
        let service = recipe.service(keys, &tenants);
        service.ask("notes.example", &recipe.token(changes), kid).await
    };
    assert_eq!(ask(&keys(), "1", &[]).await, ADMITTED);
    assert_eq!(ask(&keys(), "personal", &[]).await, INVALID);
    let personal = ADMITTED.replace("acme", "personal");
    assert_eq!(ask(&keys(), "personal", &of(CONSUMERS)).await, personal);

    let published = |issuer: Value| [with(key(), json!({ "issuer": issuer })), named(key(), "another")];
    for issuer in [
        json!("https://sts.windows.net/{tenantid}/"),
        json!(""),
        json!("{tenantid}"),
    ] {
        assert_eq!(ask(&published(issuer.clone()), "1", &[]).await, INVALID, "{issuer}");
    }
    // Keys that say nothing are the configured issuer's, whichever issuer that is.
    assert_eq!(ask(&[key()], "1", &[]).await, ADMITTED);
}

/// An application's token has roles too, and a guest's is of the directory that they are a guest in.
#[tokio::test]
async fn applications_and_guests_are_of_the_directory() {
    let roles = Some(json!(["Notes.Import"]));
    let application = ask(&[("/scp", None), ("/roles", roles)]).await;
    assert_eq!(application, ADMITTED.replace("Editor", "Import"));
    let guest = ask(&[("/idp", Some(json!(format!("https://sts.windows.net/{GLOBEX}/"))))]).await;
    assert_eq!(guest, ADMITTED);
}
