//! The claims that name tenants: under other names, and with values that TOML does not have.

use serde_json::{Value, json};

use super::{BAD, OK, alice, check_tokens, get};
use crate::client::answer::check;
use crate::client::raw::Request;
use crate::client::token::Token;
use crate::service::server::Server;
use crate::service::setup::Setup;

/// A claim that is null is there, and is no string: 401 wherever the token is read.
#[test]
fn a_claim_that_is_null() {
    let token = Token::of("alice").claim("tenant_id", Value::Null).sign();
    let by_claim = Server::start(&Setup::new(&["jwt_claim"]));
    check(
        &by_claim,
        &[
            (get(&token), BAD),
            (Request::get("/maybe").bearer(&token), BAD),
            (Request::get("/portal").bearer(&token), BAD),
        ],
    );
    let by_header = Server::start(&Setup::new(&["header"]));
    check(&by_header, &[(get(&token).tenant("acme"), BAD), (get(&token), BAD)]);
}

/// Claims whose names are nearly the tenant claim's are not read.
#[test]
fn claims_of_similar_names() {
    let token = alice().claim("Tenant_id", "globex").claim("tenantId", 1);
    check_tokens(&Server::start(&Setup::new(&["jwt_claim"])), &[(token, OK)]);
}

/// The list claim under a name that is a URL; null is no list, and no member of one.
#[test]
fn the_list_claim() {
    const NAME: &str = "https://example.com/orgs";
    let setup = Setup::new(&["header"]).enforcement(&format!("tenants_claim = {NAME:?}"));
    let server = Server::start(&setup);
    let list = |value: Value| get(&Token::of("alice").claim(NAME, value).sign()).tenant("acme");
    check(
        &server,
        &[
            (list(json!(["globex", "acme"])), "200 acme header"),
            (list(json!(["globex"])), "403 forbidden"),
            (list(Value::Null), BAD),
            (list(json!(["acme", null])), BAD),
        ],
    );
}

/// A claim's name that is a string is literal; a list of names nests.
#[test]
fn names_of_the_claim() {
    let literal = Setup::new(&["jwt_claim"]).resolution(r#"jwt_claim = "https://example.com/tenant""#);
    let of = |claim: &str, value: Value| Token::of("alice").claim(claim, value);
    check_tokens(
        &Server::start(&literal),
        &[
            (of("https://example.com/tenant", json!("acme")), OK),
            (alice(), "401 tenant_required"),
            (
                of("https://example", json!({"com/tenant": "acme"})),
                "401 tenant_required",
            ),
        ],
    );
    let dotted = Setup::new(&["jwt_claim"]).resolution(r#"jwt_claim = "org.tenant""#);
    check_tokens(
        &Server::start(&dotted),
        &[
            (of("org.tenant", json!("acme")), OK),
            (of("org", json!({"tenant": "acme"})), "401 tenant_required"),
        ],
    );
    let nested = Setup::new(&["jwt_claim"]).resolution(r#"jwt_claim = ["org", "tenant"]"#);
    check_tokens(
        &Server::start(&nested),
        &[
            (of("org", json!({"tenant": "acme", "name": "Acme"})), OK),
            (of("org.tenant", json!("acme")), "401 tenant_required"),
            (of("org", json!({"name": "Acme"})), "401 tenant_required"),
            (of("org", json!({"tenant": 1})), BAD),
        ],
    );
}
