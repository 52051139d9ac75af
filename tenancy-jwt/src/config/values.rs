//! Values of settings that several tables have.

use std::fs;
use std::path::Path;

use secrecy::zeroize::Zeroizing;

use crate::JwtConfigError;

/// A value, or the loud wish to have none.
pub(crate) fn choose<'v>(
    setting: &str,
    value: Option<&'v str>,
    opt_out: &str,
    any: bool,
) -> Result<Option<&'v str>, JwtConfigError> {
    match (value, any) {
        (Some(value), false) => not_empty(setting, value).map(Some),
        (None, true) => Ok(None),
        (Some(_), true) => Err(contradiction(setting, opt_out)),
        (None, false) => Err(JwtConfigError::RequiredUnless {
            setting: setting.to_owned(),
            opt_out: opt_out.to_owned(),
        }),
    }
}

pub(crate) fn contradiction(setting: &str, other: &str) -> JwtConfigError {
    JwtConfigError::Contradiction {
        setting: setting.to_owned(),
        other: other.to_owned(),
    }
}

pub(crate) fn not_empty<'v>(setting: &str, value: &'v str) -> Result<&'v str, JwtConfigError> {
    if value.is_empty() {
        return Err(JwtConfigError::Required {
            setting: setting.to_owned(),
            expected: "a text that is not empty",
        });
    }
    Ok(value)
}

pub(crate) fn read(setting: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, JwtConfigError> {
    fs::read(path)
        .map(Zeroizing::new)
        .map_err(|problem| JwtConfigError::Read {
            setting: setting.to_owned(),
            path: path.to_owned(),
            problem,
        })
}
