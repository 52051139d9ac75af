//! HTTP/1.1 as bytes: requests exactly as written, responses parsed strictly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use tenancy_corpus::Http2Request;

use crate::client::streams;

/// A request's bytes under construction. It carries `Host: localhost` unless told otherwise.
#[derive(Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    host: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            host: "localhost".into(),
            fields: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = host.into();
        self
    }

    /// Adds a field, also one that is there already. White space in `value` is sent as it is.
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.into(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn tenant(self, value: impl AsRef<[u8]>) -> Self {
        self.field("X-Tenant-ID", value)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.field("Authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(mut self, body: &str) -> Self {
        self.body = Some(body.into());
        self.field("Content-Type", "application/json")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self {
            method, target, host, ..
        } = self;
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(format!("{name}: ").as_bytes());
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// The same by HTTP/2, the host as `:authority`.
    pub(crate) fn by_http2(&self) -> http::Request<Bytes> {
        let fields = self.fields.iter();
        let said = Http2Request {
            method: self.method.clone(),
            scheme: "http",
            authority: Some(self.host.clone().into_bytes()),
            path: Some(self.target.clone()),
            fields: fields
                .map(|(name, value)| (name.to_lowercase(), value.clone()))
                .collect(),
        };
        let request = streams::request(&said).unwrap_or_else(|| panic!("HTTP/2 cannot say {self}"));
        request.map(|_| Bytes::from(self.body.clone().unwrap_or_default()))
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.bytes().escape_ascii())
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    status_line: String,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The head as received, less its `date` line, and the body.
    pub(crate) raw_less_date: Vec<u8>,
}

impl Response {
    /// A response that is whole.
    pub(crate) fn new(status_line: String, status: u16, fields: Vec<(String, String)>, body: Vec<u8>) -> Self {
        let mut raw = format!("{status_line}\r\n").into_bytes();
        for (name, value) in fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date")) {
            raw.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        raw.extend_from_slice(b"\r\n");
        raw.extend_from_slice(&body);
        Self {
            status,
            status_line,
            fields,
            body,
            raw_less_date: raw,
        }
    }

    /// All of it less `Date`, in an order of its own: what must not differ between servers.
    pub(crate) fn in_order(&self) -> String {
        let fields = self.fields.iter();
        let fields = fields.map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase()));
        let mut fields: Vec<_> = fields.filter(|field| !field.starts_with("date: ")).collect();
        fields.sort();
        format!(
            "{}\n{}\n\n{}",
            self.status_line,
            fields.join("\n"),
            self.body.escape_ascii()
        )
    }

    /// All values of a field, in order.
    pub(crate) fn values<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        let fields = self.fields.iter();
        fields.filter_map(move |(field, value)| field.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }

    /// The value of a field that must not occur twice.
    pub(crate) fn value<'r>(&'r self, name: &'r str) -> Option<&'r str> {
        let mut values = self.values(name);
        let value = values.next();
        assert!(values.next().is_none(), "{name} occurs twice: {self:?}");
        value
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body.escape_ascii()))
    }
}

/// One connection, kept alive as long as the server wishes.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// As it is, for answers that take longer than a service's may.
    pub(crate) fn with_timeout(self, timeout: Duration) -> Self {
        self.0.get_ref().set_read_timeout(Some(timeout)).unwrap();
        self
    }

    pub(crate) fn exchange(&mut self, request: &Request) -> Response {
        self.send(&request.bytes());
        self.receive(&request.method)
            .unwrap_or_else(|| panic!("no response to {request}"))
    }

    /// Sends any bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("the server reads");
    }

    /// The next response, or nothing where the server closed the connection without one.
    pub(crate) fn receive(&mut self, method: &str) -> Option<Response> {
        let status_line = self.line()?;
        let (version, rest) = status_line.split_once(' ').expect("a status line");
        assert!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "{status_line}");
        let status: u16 = rest.get(..3).expect("a status").parse().expect("a status");
        let mut raw = format!("{status_line}\r\n").into_bytes();
        let mut fields = Vec::new();
        loop {
            let line = self.line().expect("the head ends with an empty line");
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a field");
            assert!(!name.is_empty() && !name.contains([' ', '\t']), "{line:?}");
            if !name.eq_ignore_ascii_case("date") {
                raw.extend_from_slice(format!("{line}\r\n").as_bytes());
            }
            fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
        let mut response = Response {
            status,
            status_line,
            fields,
            body: Vec::new(),
            raw_less_date: raw,
        };
        let has_body = method != "HEAD" && status != 204 && status != 304 && status >= 200;
        if has_body {
            response.body = self.body(&response);
        }
        response.raw_less_date.extend_from_slice(b"\r\n");
        response.raw_less_date.extend_from_slice(&response.body);
        Some(response)
    }

    fn body(&mut self, response: &Response) -> Vec<u8> {
        let mut body = Vec::new();
        match (response.value("content-length"), response.value("transfer-encoding")) {
            (Some(length), None) => {
                body.resize(length.parse().expect("a length"), 0);
                self.0.read_exact(&mut body).expect("a whole body");
            }
            (None, Some("chunked")) => loop {
                let size = self.line().expect("a chunk");
                let size = usize::from_str_radix(&size, 16).expect("a chunk's size");
                let start = body.len();
                body.resize(start + size, 0);
                self.0.read_exact(&mut body[start..]).expect("a whole chunk");
                assert_eq!(self.line().as_deref(), Some(""), "a chunk ends with a line break");
                if size == 0 {
                    break;
                }
            },
            (None, None) => {
                self.0.read_to_end(&mut body).expect("a body until the end");
            }
            both => panic!("two ways to tell the body's length: {both:?}"),
        }
        body
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.0.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("{error}"),
        }
        let line = line.strip_suffix(b"\r\n").expect("lines end with CRLF");
        Some(String::from_utf8(line.to_vec()).expect("the server sends ASCII"))
    }

    /// Whether bytes of a response stand unread, such as a body after HEAD.
    pub(crate) fn has_unread_bytes(&mut self) -> bool {
        if !self.0.buffer().is_empty() {
            return true;
        }
        let wait = Some(Duration::from_millis(150));
        self.0.get_ref().set_read_timeout(wait).unwrap();
        let is_unread = self.0.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
        self.0
            .get_ref()
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        is_unread
    }
}
