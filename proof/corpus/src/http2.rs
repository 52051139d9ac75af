//! A request in the words of HTTP/2.

use crate::{Request, Target, Tokens, Version};

/// A request in the parts that HTTP/2 sends (RFC 9113 §8.3.1), without a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2Request {
    /// `:method`.
    pub method: String,
    /// `:scheme`; not sent with a `CONNECT`.
    pub scheme: &'static str,
    /// `:authority`.
    pub authority: Option<Vec<u8>>,
    /// `:path`; `None` with a `CONNECT`.
    pub path: Option<String>,
    /// The fields in order, names in lower case.
    pub fields: Vec<(String, Vec<u8>)>,
}

/// What becomes of the `Host` of an HTTP/1.1 request. Both are right, and must be answered alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostAs {
    /// It becomes `:authority`, as clients of HTTP/2 say it.
    Authority,
    /// It stays a field, and there is no `:authority`: as proxies say it for a client of HTTP/1.1.
    Field,
}

/// Fields of a connection, which HTTP/2 forbids (RFC 9113 §8.2.2).
const OF_A_CONNECTION: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

impl Request {
    /// The request in the words of HTTP/2. `None` where it would not mean the same, or where `host` makes no
    /// difference: then [`HostAs::Authority`] is the one way.
    ///
    /// HTTP/1.0 has rules of its own, and an absolute target without `Host` is at fault on HTTP/1.1 alone.
    #[must_use]
    pub fn http2(&self, tokens: &Tokens<'_>, host: HostAs) -> Option<Http2Request> {
        let (named, path) = match self.target(tokens) {
            Target::Path { authority, path, query } => {
                let query = query.map(|query| format!("?{query}")).unwrap_or_default();
                (authority.map(String::into_bytes), Some(path + &query))
            }
            Target::Asterisk => (
                self.authority.as_deref().map(|text| tokens.bytes(text)),
                Some("*".into()),
            ),
            Target::Authority => (Some(tokens.bytes(&self.target)), None),
        };
        let mut fields = self.fields(tokens);
        for (name, _) in &mut fields {
            name.make_ascii_lowercase();
        }
        let hosts = fields.iter().filter(|(name, _)| name == "host").count();
        let is_of_a_connection = fields.iter().any(|(name, _)| OF_A_CONNECTION.contains(&name.as_str()));
        let authority = match (self.version, host, &named, hosts) {
            (Version::Http10, ..) => return None,
            (Version::Http11, ..) if is_of_a_connection => return None,
            (Version::Http2, HostAs::Authority, ..) => named,
            // With a target of its own, `Host` is a second opinion, and stays one.
            (Version::Http11, HostAs::Authority, Some(_), 1..) => named,
            (Version::Http11, HostAs::Authority, None, 0) => None,
            (Version::Http11, HostAs::Authority, None, 1) => take_host(&mut fields),
            (Version::Http11, HostAs::Field, None, 1..) => None,
            (Version::Http11 | Version::Http2, ..) => return None,
        };
        Some(Http2Request {
            method: self.method.clone(),
            scheme: if self.target.starts_with("https:") {
                "https"
            } else {
                "http"
            },
            authority,
            path,
            fields,
        })
    }
}

fn take_host(fields: &mut Vec<(String, Vec<u8>)>) -> Option<Vec<u8>> {
    let at = fields.iter().position(|(name, _)| name == "host")?;
    Some(fields.remove(at).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Corpus;

    /// `:authority`, `:path` and the fields in one line.
    fn told(row: &str, host: HostAs) -> Option<String> {
        let text = format!(
            "[[case]]\nname = \"x\"\nclause = \"x\"\nconfig = \"x\"\nexpect = {{ central = true }}\n[case.request]\n{row}"
        );
        let rows = Corpus::parse_rows(&text).unwrap();
        let tokens = Tokens {
            good: "t",
            ..Tokens::default()
        };
        let request = rows[0].request.http2(&tokens, host)?;
        let shown = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut told = format!(
            "{}|{}",
            request.authority.as_deref().map_or("-".into(), shown),
            request.path.as_deref().unwrap_or("-"),
        );
        for (name, value) in &request.fields {
            told.push_str(&format!("|{name}={}", shown(value)));
        }
        Some(told)
    }

    #[test]
    fn words() {
        for (row, as_authority, as_field) in [
            (
                "target = \"/x?y\"\nheaders = [[\"Host\", \"h\"], [\"A\", \" {token}\"]]",
                Some("h|/x?y|a= t"),
                Some("-|/x?y|host=h|a= t"),
            ),
            ("target = \"/x\"", Some("-|/x"), None),
            (
                "target = \"/x\"\nheaders = [[\"Host\", \"h\"], [\"Host\", \"i\"]]",
                None,
                Some("-|/x|host=h|host=i"),
            ),
            (
                "target = \"http://t/x\"\nheaders = [[\"Host\", \"h\"]]",
                Some("t|/x|host=h"),
                None,
            ),
            ("target = \"http://t/x\"", None, None),
            (
                "target = \"*\"\nmethod = \"OPTIONS\"\nheaders = [[\"Host\", \"h\"]]",
                Some("h|*"),
                Some("-|*|host=h"),
            ),
            (
                "target = \"t:1\"\nmethod = \"CONNECT\"\nheaders = [[\"Host\", \"h\"]]",
                Some("t:1|-|host=h"),
                None,
            ),
            (
                "target = \"/x\"\nversion = \"HTTP/2\"\nauthority = \"t\"\nheaders = [[\"host\", \"h\"]]",
                Some("t|/x|host=h"),
                None,
            ),
            (
                "target = \"/x\"\nversion = \"HTTP/2\"\nheaders = [[\"host\", \"h\"]]",
                Some("-|/x|host=h"),
                None,
            ),
            (
                "target = \"/x\"\nversion = \"HTTP/1.0\"\nheaders = [[\"Host\", \"h\"]]",
                None,
                None,
            ),
            (
                "target = \"/x\"\nheaders = [[\"Host\", \"h\"], [\"Upgrade\", \"x\"]]",
                None,
                None,
            ),
        ] {
            assert_eq!(told(row, HostAs::Authority).as_deref(), as_authority, "{row}");
            assert_eq!(told(row, HostAs::Field).as_deref(), as_field, "{row}");
        }
    }
}
