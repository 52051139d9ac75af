//! From the text of the file to its tables.

use super::file::ConfigFile;

/// Reads the file's tables. An error names the key and the line, and leaves the line itself out: it
/// may hold a secret.
pub(super) fn read(text: &str) -> Result<ConfigFile, String> {
    let at = |error: &toml::de::Error| match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: ", before.split('\n').count()),
        None => String::new(),
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|error| format!("{}{}", at(&error), error.message()))?;
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        let (key, problem) = (path.trim_matches('.'), error.message());
        // A value of the wrong type is quoted, and may be a secret that stands where it should not.
        let problem = if key.starts_with("jwt") && problem.starts_with("invalid") {
            "not of the right type"
        } else {
            problem
        };
        if key.is_empty() {
            problem.to_owned()
        } else {
            format!("{}`{key}`: {problem}", at(&error))
        }
    })
}
