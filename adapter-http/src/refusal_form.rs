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
    /// A response without a body whose fields say what the trailers would.
    Grpc,
}

impl RefusalForm {
    /// The form for a request of this method and these fields. A request whose content is of the type `application/grpc`,
    /// or of one that begins so (`application/grpc+proto`), is one of gRPC.
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let is_grpc = headers.get(CONTENT_TYPE).is_some_and(|media_type| {
            let prefix = media_type.as_bytes().get(..GRPC.len());
            prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(GRPC.as_bytes()))
        });
        if is_grpc { Self(Form::Grpc) } else { method.into() }
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
pub(crate) const GRPC: &str = "application/grpc";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_of_grpc_is_told_by_its_type() {
        for (method, media_type, expected) in [
            (Method::POST, Some("application/grpc"), Form::Grpc),
            (Method::POST, Some("application/grpc+proto"), Form::Grpc),
            (Method::POST, Some("Application/GRPC; charset=utf-8"), Form::Grpc),
            (Method::POST, Some("application/grpc-web+proto"), Form::Grpc),
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
