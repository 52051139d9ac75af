//! Which key verifies a token.

use super::{BAD, OK, alice, get};
use crate::client::answer::check;
use crate::client::token::{Token, now_plus};
use crate::service::server::Server;
use crate::service::setup::{RSA_PUBLIC, SECRET, Setup};

/// RS256 by a public key. Its text is no HMAC secret.
#[test]
fn rs256() {
    let keys = "[[jwt.keys]]\nkid = \"rsa\"\nalgorithm = \"RS256\"\npublic_key_file = \"rsa.pem\"\n";
    for server in Server::each(&Setup::new(&["jwt_claim"]).keys(keys)) {
        let rsa = |token: Token| token.header("alg", "RS256").header("kid", "rsa");
        let confused = alice().header("kid", "rsa");
        check(
            &server,
            &[
                (get(&rsa(alice()).sign_rsa()), OK),
                (get(&rsa(alice()).without_header("kid").sign_rsa()), OK),
                (
                    get(&rsa(Token::of("alice").tenant("globex")).sign_rsa()),
                    "200 globex jwt_claim",
                ),
                (get(&rsa(alice()).header("alg", "RS512").sign_rsa()), BAD),
                (get(&rsa(alice()).header("alg", "PS256").sign_rsa()), BAD),
                (get(&rsa(alice()).claim("exp", now_plus(-60)).sign_rsa()), BAD),
                (get(&rsa(alice()).sign()), BAD),
                (get(&confused.sign_with(RSA_PUBLIC.as_bytes())), BAD),
                (get(&confused.sign_with(RSA_PUBLIC.trim_end().as_bytes())), BAD),
                (get(&alice().sign()), BAD),
            ],
        );
    }
}

/// Among several keys `kid` chooses; without one there is no choice.
#[test]
fn several_keys() {
    const OTHER: &str = "fedcba9876543210fedcba9876543210";
    let keys = format!(
        "[[jwt.keys]]\nkid = \"dev\"\nalgorithm = \"HS256\"\nsecret_file = \"dev.key\"\n\
         [[jwt.keys]]\nkid = \"next\"\nalgorithm = \"HS256\"\nsecret = \"{OTHER}\"\n"
    );
    for server in Server::each(&Setup::new(&["jwt_claim"]).keys(&keys)) {
        check(
            &server,
            &[
                (get(&alice().sign()), OK),
                (get(&alice().header("kid", "next").sign_with(OTHER.as_bytes())), OK),
                (get(&alice().header("kid", "next").sign()), BAD),
                (get(&alice().sign_with(OTHER.as_bytes())), BAD),
                (get(&alice().without_header("kid").sign()), BAD),
                // The final newline of the file is no part of the secret.
                (get(&alice().sign_with(format!("{SECRET}\n").as_bytes())), BAD),
            ],
        );
    }
}
