use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

/// The form in which a request understands a refusal: a problem document (RFC 9457), or the trailers-only response of gRPC.
///
/// A `Method` alone stands for a problem document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "gRPC")]
pub struct RefusalForm(Form);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A problem document.
    Problem,
    /// The fields of a problem document, as a HEAD has them (RFC 9110 §9.3.2).
    ProblemHead,
    /// A response without a body, of this type, whose fields say what the trailers would.
    Grpc(&'static str),
}

impl RefusalForm {
    /// The form for a request of this method and these fields. A request whose content is of the type `application/grpc`,
    /// or of one that begins so (`application/grpc+proto`), is one of gRPC. One of gRPC-Web is refused in its own type,
    /// `application/grpc-web` or `application/grpc-web-text`: its clients do not read another one.
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let content = headers.get(CONTENT_TYPE).map(|media_type| media_type.as_bytes());
        match content.and_then(grpc_content) {
            Some(content) => Self(Form::Grpc(content)),
            None => method.into(),
        }
    }

    pub(crate) const fn form(self) -> Form {
        self.0
    }
}

impl From<&Method> for RefusalForm {
    fn from(method: &Method) -> Self {
        Self(match *method {
            Method::HEAD => Form::ProblemHead,
            _ => Form::Problem,
        })
    }
}

/// What the content of gRPC is, up to its encoding.
const GRPC: &str = "application/grpc";
/// What it is for browsers, which have no HTTP/2 frames and no trailers. The protocol lets trailers be sent with the fields of a
/// response that has no message (`PROTOCOL-WEB.md` of gRPC), so the refusal has the same form.
const GRPC_WEB: &str = "application/grpc-web";
/// The same in Base64.
const GRPC_WEB_TEXT: &str = "application/grpc-web-text";

/// The type of gRPC that a request's content has, for the response to it.
fn grpc_content(media_type: &[u8]) -> Option<&'static str> {
    let after = |prefix: &str| {
        let (begin, after) = media_type.split_at_checked(prefix.len())?;
        begin.eq_ignore_ascii_case(prefix.as_bytes()).then_some(after)
    };
    let is = |whole: &str| matches!(after(whole), Some([] | [b'+' | b';' | b' ' | b'\t', ..]));
    after(GRPC)?;
    [GRPC_WEB_TEXT, GRPC_WEB].into_iter().find(|web| is(web)).or(Some(GRPC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_of_grpc_is_told_by_its_type() {
        for (method, media_type, expected) in [
            (Method::POST, Some("application/grpc"), Form::Grpc(GRPC)),
            (Method::POST, Some("application/grpc+proto"), Form::Grpc(GRPC)),
            (Method::POST, Some("Application/GRPC; charset=utf-8"), Form::Grpc(GRPC)),
            (Method::POST, Some("application/grpc-web"), Form::Grpc(GRPC_WEB)),
            (Method::POST, Some("application/grpc-web+proto"), Form::Grpc(GRPC_WEB)),
            (
                Method::POST,
                Some("Application/gRPC-Web ; charset=utf-8"),
                Form::Grpc(GRPC_WEB),
            ),
            (
                Method::POST,
                Some("application/grpc-web-text"),
                Form::Grpc(GRPC_WEB_TEXT),
            ),
            (
                Method::POST,
                Some("APPLICATION/GRPC-WEB-TEXT+proto"),
                Form::Grpc(GRPC_WEB_TEXT),
            ),
            (Method::POST, Some("application/grpc-website"), Form::Grpc(GRPC)),
            (Method::POST, Some("application/grpc-web-texts"), Form::Grpc(GRPC)),
            (Method::POST, Some("application/json"), Form::Problem),
            (Method::POST, Some("application/grp"), Form::Problem),
            (Method::POST, Some("text/application/grpc"), Form::Problem),
            (Method::POST, None, Form::Problem),
            (Method::HEAD, None, Form::ProblemHead),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(media_type) = media_type {
                headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
            }
            assert_eq!(
                RefusalForm::of(&method, &headers).form(),
                expected,
                "{method} {media_type:?}"
            );
        }
    }
}
