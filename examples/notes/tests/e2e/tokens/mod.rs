//! Tokens that the corpus cannot say: of any shape, any header, any claim, and signed by other keys.

use crate::client::answer::{Row, check};
use crate::client::raw::Request;
use crate::client::token::Token;
use crate::service::server::Server;

mod claims;
mod header;
mod keys;
mod tenant_claim;

const OK: &str = "200 acme jwt_claim";
const BAD: &str = "401 invalid_token";

fn alice() -> Token {
    Token::of("alice").tenant("acme")
}

fn get(token: &str) -> Request {
    Request::get("/whoami").bearer(token)
}

fn check_tokens(server: &Server, rows: &[(Token, &str)]) {
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|(token, expected)| (get(&token.sign()), *expected))
        .collect();
    check(server, &rows);
}
