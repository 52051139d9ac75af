//! The payload in a type of the application.

use std::any::Any;

use serde::de::DeserializeOwned;
use serde_path_to_error::Path;
use tenancy_core::request::SharedPayload;

use crate::TokenError;

/// Parses the payload of a token that is valid.
pub(crate) type ParsePayload = fn(&[u8]) -> Result<SharedPayload, TokenError>;

/// How much of a field's name is logged, in characters.
const MAX_LOGGED: usize = 128;

/// Parses a payload as a `T`. If it does not fit, the log names the field, and never its value.
pub(crate) fn parse_payload<T>(payload: &[u8]) -> Result<SharedPayload, TokenError>
where
    T: DeserializeOwned + Any + Send + Sync,
{
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    let parsed: Result<T, _> = serde_path_to_error::deserialize(&mut deserializer);
    parsed.map(SharedPayload::new).map_err(|error| {
        let field = field(error.path(), error.inner());
        tracing::debug!(
            field,
            "the payload of a token does not fit the type that the application has chosen"
        );
        TokenError::Payload
    })
}

/// The name of the field that does not fit. A missing one has no place in the payload: serde names it in its message,
/// of which nothing else is used, since messages repeat values.
fn field(path: &Path, error: &serde_json::Error) -> String {
    let message = error.to_string();
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'))
        .map(|(name, _)| name);
    let path = path.to_string();
    let whole = match missing {
        // The path of the whole payload is a dot.
        Some(name) if path == "." => name.to_owned(),
        Some(name) => format!("{path}.{name}"),
        None => path,
    };
    // Names of a map's entries are the token's own.
    whole.chars().take(MAX_LOGGED).flat_map(char::escape_debug).collect()
}
