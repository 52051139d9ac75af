//! Where the host is read.

use std::vec::Vec;

use super::*;
use crate::request::{Credentials, HeaderList};

fn host(source: &HostSource, version: HttpVersion, target: Target<'_>, fields: &[(&str, &str)]) -> std::string::String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let headers = HeaderList::new(&fields);
    let request = RequestView {
        version,
        target,
        headers: &headers,
        credentials: Credentials::Absent,
    };
    match source.host(&request) {
        Ok(Some(Host::Name(name))) => name.as_str().into(),
        other => std::format!("{other:?}"),
    }
}

#[test]
fn authority_and_host_field() {
    use HttpVersion::{Http2, Http10, Http11};
    const BAD: &str = "Err(Host)";
    let with = |authority| Target::Path {
        authority: Some(authority),
        path: "/",
        query: None,
    };
    let bare = Target::path("/");
    for (version, target, fields, expected) in [
        (Http11, bare, &[("Host", "a.com:80")][..], "a.com"),
        (Http11, bare, &[], BAD),
        (Http11, bare, &[("host", "")], BAD),
        (Http11, bare, &[("host", "a.com"), ("Host", "a.com")], BAD),
        (Http11, with("a.com"), &[], BAD),
        (Http11, with("A.com:1"), &[("host", "a.com.:2")], "a.com"),
        (Http11, with("a.com"), &[("host", "b.com")], BAD),
        (Http11, with("u@a.com"), &[("host", "a.com")], BAD),
        (Http11, with("127.0.0.1"), &[("host", "a.com")], BAD),
        (Http10, bare, &[], "Ok(None)"),
        (Http10, bare, &[("host", "a.com")], "a.com"),
        (Http10, bare, &[("host", "a.com"), ("host", "a.com")], BAD),
        (Http2, with("a.com"), &[], "a.com"),
        (Http2, bare, &[("host", "a.com")], "a.com"),
        (Http2, bare, &[], BAD),
        (Http2, with("a.com"), &[("host", "b.com")], BAD),
        (Http11, Target::Asterisk, &[], "Ok(None)"),
        (Http11, Target::Authority, &[("host", "a.com")], "Ok(None)"),
    ] {
        assert_eq!(
            host(&HostSource::request(), version, target, fields),
            expected,
            "{version:?} {target:?} {fields:?}"
        );
    }
}

#[test]
fn trusted_hops_count_from_the_right() {
    const BAD: &str = "Err(Host)";
    let name = "x-forwarded-host";
    for (hops, values, expected) in [
        (1, &["a.com"][..], "a.com"),
        (1, &["evil.com, a.com"], "a.com"),
        (1, &["evil.com", "a.com:8080"], "a.com"),
        (2, &["evil.com, a.com", "proxy.net"], "a.com"),
        (2, &["a.com"], BAD),
        (1, &[], BAD),
        (1, &[""], BAD),
        (1, &["a.com,"], BAD),
        (1, &[", ,u@h,a.com"], "a.com"),
        (2, &["a.com, , b.com"], BAD),
    ] {
        let source = HostSource::forwarded(ForwardedField::XForwardedHost, NonZeroU8::new(hops).unwrap());
        let fields: Vec<_> = values
            .iter()
            .map(|value| (name, *value))
            .chain([("host", "other.com")])
            .collect();
        assert_eq!(
            host(&source, HttpVersion::Http11, Target::path("/"), &fields),
            expected,
            "{hops} {values:?}"
        );
    }
}

#[test]
fn forwarded_elements_have_one_host() {
    const BAD: &str = "Err(Host)";
    for (value, expected) in [
        ("host=a.com", "a.com"),
        ("for=1.2.3.4;HOST=\"a.com:80\";proto=https", "a.com"),
        ("for=\"x, host=evil.com\", for=y;host=a.com", "a.com"),
        ("host=evil.com, host=a.com", "a.com"),
        ("for=1.2.3.4", BAD),
        ("host=a.com;host=a.com", BAD),
        ("host=evil.com;for=x;HOST=a.com", BAD),
        // A comma in a quoted string ends no entry.
        ("host=a.com;by=\"x, host=evil.com\"", "a.com"),
        ("host=a.com;by=\"x, y\\\", host=evil.com\"", "a.com"),
        // A quote that the client leaves open reaches no entry right of it.
        ("for=\", for=y;host=a.com", "a.com"),
        ("for=\", for=y;host=\"a.com\"", "a.com"),
        ("for=\"\\\", for=y;host=\"a.com\"", "a.com"),
        ("host=evil.com;for=\", host=a.com;by=\"x\\\"y\"", "a.com"),
        ("for=\"x\\\\\", host=a.com", "a.com"),
        ("host=a.com;by=\"", BAD),
        ("host=a.com;", BAD),
        ("=x;host=a.com", BAD),
        ("f(r=x;host=a.com", BAD),
        ("host=a.com; for=x", "a.com"),
        ("host=\"a\\.com\"", BAD),
        ("host=", BAD),
        ("host= a.com", BAD),
        ("host=\" a.com\"", BAD),
        ("host", BAD),
        ("", BAD),
    ] {
        let source = HostSource::forwarded(ForwardedField::Forwarded, NonZeroU8::MIN);
        let fields = [("Forwarded", value)];
        assert_eq!(
            host(&source, HttpVersion::Http2, Target::path("/"), &fields),
            expected,
            "{value:?}"
        );
    }
}

#[test]
fn quoted_commas_are_no_hops() {
    const BAD: &str = "Err(Host)";
    for (hops, values, expected) in [
        (2, &["host=a.com, by=\"x, host=evil.com;by=y, z\""][..], "a.com"),
        (2, &["host=a.com", "by=\"x, host=evil.com;by=y, z\""], "a.com"),
        (2, &["host=a.com;by=\"x, host=evil.com;by=y, z\""], BAD),
        (3, &["host=a.com, by=\"x, host=evil.com;by=y, z\""], BAD),
    ] {
        let source = HostSource::forwarded(ForwardedField::Forwarded, NonZeroU8::new(hops).unwrap());
        let fields: Vec<_> = values.iter().map(|value| ("forwarded", *value)).collect();
        assert_eq!(
            host(&source, HttpVersion::Http11, Target::path("/"), &fields),
            expected,
            "{hops} {values:?}"
        );
    }
}
