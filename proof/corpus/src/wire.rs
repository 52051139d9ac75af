//! A request as bytes.

use crate::{Request, Tokens, Version};

impl Request {
    /// The request as HTTP/1 sends it, without a body. `None` for HTTP/2, which is no text.
    #[must_use]
    pub fn http1_bytes(&self, tokens: &Tokens<'_>) -> Option<Vec<u8>> {
        let version = match self.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Http2 => return None,
        };
        let mut bytes = format!("{} ", self.method).into_bytes();
        bytes.extend(tokens.bytes(&self.target));
        bytes.extend(format!(" {version}\r\n").into_bytes());
        for (name, value) in self.fields(tokens) {
            bytes.extend(name.into_bytes());
            bytes.extend(b": ");
            bytes.extend(value);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"\r\n");
        Some(bytes)
    }
}
