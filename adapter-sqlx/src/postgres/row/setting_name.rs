//! The name of the setting that binds a transaction to a tenant.

use std::fmt;
use std::str::FromStr;

use crate::postgres::identifier::PgIdentifier;

/// The setting of a transaction that says which tenant it is bound to. The default is `app.tenant_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgSetting(String);

impl PgSetting {
    /// The setting unless another is named.
    pub const DEFAULT: &'static str = "app.tenant_id";

    pub(in crate::postgres) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for PgSetting {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

/// Two parts, each of lower-case letters, digits and `_`, not starting with a digit.
impl FromStr for PgSetting {
    type Err = ParseSettingError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_part = |part: &str| {
            let is_character = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
            part.bytes().all(is_character) && part.starts_with(|first: char| !first.is_ascii_digit())
        };
        let is_setting = name.len() <= PgIdentifier::MAX_LEN
            && name
                .split_once('.')
                .is_some_and(|(class, setting)| is_part(class) && is_part(setting));
        if is_setting {
            Ok(Self(name.to_owned()))
        } else {
            Err(ParseSettingError(()))
        }
    }
}

/// A text that is not a [`PgSetting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseSettingError(());

impl fmt::Display for ParseSettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a setting is two names of `a` to `z`, digits and `_` with a dot between, as in `app.tenant_id`")
    }
}

impl std::error::Error for ParseSettingError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_two_plain_names() {
        for name in ["app.tenant_id", "a._1"] {
            assert!(name.parse::<PgSetting>().is_ok(), "{name}");
        }
        for name in [
            "", "app", "app.", ".id", "app.1d", "App.id", "a.b.c", "app.i'd", "a b.c", "1a.b",
        ] {
            assert!(name.parse::<PgSetting>().is_err(), "{name}");
        }
    }
}
