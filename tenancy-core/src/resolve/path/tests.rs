use std::string::ToString;

use super::*;
use crate::request::{Credentials, HeaderList, HttpVersion};

fn resolve(template: &str, path: &str) -> std::string::String {
    let headers = HeaderList::new(&[]);
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path(path),
        headers: &headers,
        credentials: Credentials::Absent,
    };
    match PathResolver::new(template.parse().unwrap()).resolve(&request) {
        Ok(Some(key)) => key.as_str().into(),
        Ok(None) => "-".into(),
        Err(_) => "400".into(),
    }
}

#[test]
fn one_segment_after_the_literals() {
    for (path, expected) in [
        ("/api/v1/acme", "acme"),
        ("/api/v1/acme/", "acme"),
        ("/api/v1/acme/notes/1", "acme"),
        ("/api/v1/%61cme", "acme"),
        ("/api/v1/acme//", "acme"),
        ("/api/v1/acme/a.b/..c/...", "acme"),
        ("/api/v1/acme/100%", "acme"),
        ("/api/v1x/acme", "-"),
        ("//api/v1/acme", "-"),
        ("/api//v1/acme", "-"),
        ("/API/v1/acme", "-"),
        ("/%61pi/v1/acme", "-"),
        ("/api/v1", "-"),
        ("/api/v1/", "-"),
        ("/x/api/v1/acme", "-"),
        ("/api/../api/v1/acme", "-"),
        ("/", "-"),
        ("", "-"),
        ("*", "-"),
    ] {
        assert_eq!(resolve("/api/v1/{tenant}", path), expected, "{path:?}");
    }
}

#[test]
fn a_segment_that_is_no_slug_is_malformed() {
    for segment in [
        "a%2Fb",
        "a%252Fb",
        ".",
        "..",
        "%2e%2e",
        "%2E.",
        ";v=1",
        "acme;v=1",
        "%zz",
        "%",
        "%ff",
        "%00",
        "a+b",
        "Acme",
        "a%20b",
        "-a",
        "a.b",
        "%",
        "é",
        "/x",
        "/",
        "x/../acme",
        "x/%2e%2E/y",
        "x/.",
        "x/..%2fy",
        "x/..;a=b/y",
        "x/..%5cy",
    ] {
        assert_eq!(
            resolve("/api/v1/{tenant}", &std::format!("/api/v1/{segment}")),
            "400",
            "{segment:?}"
        );
    }
    assert_eq!(resolve("/{tenant}", &std::format!("/{}", "x".repeat(64))), "400");
}

#[test]
fn a_dot_or_an_escape_is_seen_anywhere() {
    for length in 0..40 {
        let mut path = std::vec![b'a'; length];
        assert!(is_plain(core::str::from_utf8(&path).unwrap()), "{length}");
        for place in 0..length {
            for special in [b'.', b'%'] {
                path[place] = special;
                assert!(!is_plain(core::str::from_utf8(&path).unwrap()), "{length}, {place}");
            }
            path[place] = b'a';
        }
    }
    // Each other byte of one byte's character.
    let others: std::string::String = (0..128_u8)
        .filter(|byte| !b".%".contains(byte))
        .map(char::from)
        .collect();
    assert!(is_plain(&others) && is_plain("/é/ü/ß/日本/😀"));
}

#[test]
fn literals_may_follow() {
    for (path, expected) in [
        ("/t/acme/api", "acme"),
        ("/t/acme/api/x", "acme"),
        ("/t/acme/apix", "-"),
        ("/t/acme", "-"),
        ("/t//api", "400"),
        ("/t//x", "-"),
        ("/t/acme/x/../api", "-"),
    ] {
        assert_eq!(resolve("/t/{tenant}/api", path), expected, "{path:?}");
    }
    assert_eq!(resolve("/{tenant}", "/acme"), "acme");
    assert_eq!(resolve("/{tenant}", "/"), "-");
    assert_eq!(resolve("/{tenant}", "//"), "400");
}

#[test]
fn templates_have_plain_segments_and_one_tenant() {
    for good in ["/{tenant}", "/api/v1/{tenant}", "/t/{tenant}/api", "/a.b/~c/{tenant}"] {
        assert_eq!(good.parse::<PathTemplate>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "/",
        "{tenant}",
        "/api",
        "/api/{tenant}/",
        "/api/x{tenant}",
        "/api/{tenant}x",
        "//{tenant}",
        "/a//{tenant}",
        "/a%20b/{tenant}",
        "/{tenant}/{tenant}",
        "/../{tenant}",
        "/{id}/{tenant}",
        "/a?b/{tenant}",
        "/{Tenant}",
    ] {
        assert!(bad.parse::<PathTemplate>().is_err(), "{bad:?}");
    }
    assert!(
        std::format!("/{}/{{tenant}}", "x".repeat(200))
            .parse::<PathTemplate>()
            .is_err()
    );
}
