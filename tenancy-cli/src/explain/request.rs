//! The request, from flags or from raw HTTP.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use http::header::{HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri, Version};

use crate::args::Explain;
use crate::output::Failure;

/// How much of a raw request is read.
const MAX_BYTES: u64 = 256 * 1024;

const MAX_FIELDS: usize = 256;

pub(super) fn parts(args: &Explain) -> Result<Parts, Failure> {
    match &args.raw {
        Some(path) => raw(&read(path)?),
        None => by_flags(args),
    }
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::usage(message).advise("see `explain --help`")
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().take(MAX_BYTES).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
    };
    let failed = |error| Failure::new("unreadable_input", format!("failed to read the request: {error}"));
    read.map_err(failed)?;
    Ok(bytes)
}

/// A request in the form of HTTP/1.1, or 1.0. The head is enough, and lines may end without a carriage return.
fn raw(bytes: &[u8]) -> Result<Parts, Failure> {
    let mut bytes = bytes.to_vec();
    // So that a head without its empty line is whole.
    bytes.extend_from_slice(b"\r\n\r\n");
    let mut fields = vec![httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    match head.parse(&bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        // What it says holds no part of the request.
        Ok(httparse::Status::Partial) => return Err(wrong("the request has no head of HTTP/1.1")),
        Err(error) => return Err(wrong(format!("the request is not in the form of HTTP/1.1: {error}"))),
    }
    let version = match head.version {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let mut parts = parts_of(head.method.unwrap_or_default(), head.path.unwrap_or_default(), version)?;
    for field in head.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| wrong("a field's name is not valid"))?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| wrong("a field's value is not valid"))?;
        parts.headers.append(name, value);
    }
    Ok(parts)
}

fn by_flags(args: &Explain) -> Result<Parts, Failure> {
    let mut parts = parts_of(&args.method, &args.target, Version::HTTP_11)?;
    if let Some(host) = &args.host {
        let host = HeaderValue::from_str(host).map_err(|_| wrong("the host is not valid"))?;
        parts.headers.append(HOST, host);
    } else if let Some(authority) = parts.uri.authority() {
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("the host is not valid"))?;
        parts.headers.append(HOST, host);
    }
    for field in &args.headers {
        let (name, value) = field
            .split_once(':')
            .ok_or_else(|| wrong("a field is written as `Name: value`"))?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong("a field's name is not valid"))?;
        if name == http::header::AUTHORIZATION {
            return Err(wrong("a token is no argument, which every user of this machine sees")
                .advise("give it by `--token-file` or `--token-env`"));
        }
        let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong("a field's value is not valid"))?;
        parts.headers.append(name, value);
    }
    Ok(parts)
}

fn parts_of(method: &str, target: &str, version: Version) -> Result<Parts, Failure> {
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| wrong("the method is not valid"))?;
    let uri: Uri = target
        .parse()
        .map_err(|_| wrong("the target is neither a path nor a URL"))?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = uri;
    parts.version = version;
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_sent() {
        let text =
            b"GET /a?b=c HTTP/1.1\r\nHost: acme.example.com\r\nX-Tenant-Id: acme\r\nX-Tenant-Id: globex\r\n\r\nbody";
        let parts = raw(text).unwrap();
        assert_eq!(parts.uri, "/a?b=c");
        assert_eq!(parts.headers.get_all("x-tenant-id").iter().count(), 2);
        let short = raw(b"GET / HTTP/1.0\nhost: a").unwrap();
        assert_eq!((short.version, short.headers.len()), (Version::HTTP_10, 1));
    }

    #[test]
    fn what_is_no_request_is_refused_without_its_text() {
        for text in [
            &b"secret"[..],
            b"GET\r\n\r\n",
            b"",
            b"GET / HTTP/1.1\r\nsecret\r\n\r\n",
            b"\xff\xff",
        ] {
            let refused = raw(text).unwrap_err();
            assert!(!format!("{refused:?}").contains("secret"), "{refused:?}");
        }
    }
}
