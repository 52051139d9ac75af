//! What is refused before anything is parsed.

use tenancy_jwt::TokenError;

use crate::token_support::{HEADER, encode, payload, sign, verify};

#[test]
fn a_token_in_order_is_verified() {
    use tenancy_core::request::VerifiedClaims;
    let claims = verify(sign(HEADER, payload(&[r#"tenant_id="acme""#]))).unwrap();
    assert_eq!(claims.subject().as_str(), "alice");
    assert_eq!(claims.tenant().unwrap().as_str(), "acme");
}

#[test]
fn a_token_has_at_most_8_kib() {
    let of_length = |length: usize| {
        (0..12)
            .flat_map(|fill| (5_800..6_200).map(move |pad| (fill, pad)))
            .map(|(fill, pad)| {
                let header = format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(fill));
                let pad = format!("pad=\"{}\"", "x".repeat(pad));
                (header, payload(&[&pad]))
            })
            .find(|(header, payload)| encode(header).len() + encode(payload).len() + 43 + 2 == length)
            .map(|(header, payload)| sign(header, payload))
            .unwrap()
    };
    assert_eq!(of_length(8192).len(), 8192);
    assert!(verify(of_length(8192)).is_ok());
    assert_eq!(verify(of_length(8193)), Err(TokenError::TooLong));
    assert_eq!(verify("x".repeat(1 << 20)), Err(TokenError::TooLong));
}

#[test]
fn a_token_has_three_parts_of_base64url() {
    let token = sign(HEADER, payload(&[]));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, body) = signed.split_once('.').unwrap();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b".to_owned(),
        signed.to_owned(),
        format!("{signed}."),
        format!(".{body}.{signature}"),
        format!("{header}..{signature}"),
        format!("{token}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}="),
        format!("{header}=.{body}.{signature}"),
        format!("{header}.{body}==.{signature}"),
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("{token}\r\n"),
        format!("{header}. {body}.{signature}"),
        format!("{header}.{body}\t.{signature}"),
        format!("{token}\0"),
        format!("{token}é"),
        format!("{header}.{}.{signature}", body.replacen('e', "+", 1)),
        format!("{header}.{}.{signature}", body.replacen('e', "/", 1)),
        // One letter of base64 stands for no byte.
        format!("{signed}.{signature}AA"),
        "not json.not json.x".to_owned(),
    ] {
        assert_eq!(verify(&bad), Err(TokenError::NotCompact), "{bad:?}");
    }
}

#[test]
fn bytes_have_one_spelling() {
    let token = sign(HEADER, payload(&[]));
    let mut stem = token.clone();
    let last = stem.pop().unwrap();
    // The last letter of 32 bytes carries four bits. Its other two must be zero.
    let spelled: Vec<_> = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .filter(|other| *other != last)
        .map(|other| format!("{stem}{other}"))
        .map(|token| verify(token).unwrap_err())
        .collect();
    assert!(spelled.contains(&TokenError::NotCanonical));
    assert!(spelled.contains(&TokenError::InvalidSignature));
}
