//! The password of a role, as its server stores it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// What PostgreSQL stores of a password for SCRAM-SHA-256 (RFC 5802 §3, RFC 5803), derived in 1 round where a server takes 4096.
///
/// Each connection derives it again, in which a test build spends most of its time. The rounds are there for a password that can
/// be guessed: this is for random ones.
pub(super) fn verifier(password: &str, salt: &str) -> String {
    let salted = hmac(password.as_bytes(), &[salt.as_bytes(), &1_u32.to_be_bytes()]);
    let stored = Sha256::digest(hmac(&salted, &[b"Client Key"]));
    let server = hmac(&salted, &[b"Server Key"]);
    let [salt, stored, server] = [salt.as_bytes(), &stored, &server].map(|bytes| BASE64_STANDARD.encode(bytes));
    format!("SCRAM-SHA-256$1:{salt}${stored}:{server}")
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "a key of any length is one of HMAC's")]
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    let mac = parts.iter().fold(mac, |mac, part| mac.chain_update(part));
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Python's `hmac` and `hashlib` compute it.
    #[test]
    fn it_is_derived_as_the_rfc_says() {
        assert_eq!(
            verifier("only for tests", "tenancy's tests!"),
            "SCRAM-SHA-256$1:dGVuYW5jeSdzIHRlc3RzIQ==$3YNCVQyuG2X/WCDNp6beLpPzlNGhHbau8FN9iTzTO+0=:Nu0o84nd1y5i+knFwzvoyIrIHgZWny4sLSCJiHnsdHw="
        );
    }
}
