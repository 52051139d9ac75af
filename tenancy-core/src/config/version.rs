//! The version of the configuration.

use core::fmt;

use serde::{Deserialize, Deserializer, de};

/// The version of the configuration's format: the number at the key `version`, which is 1 if the key is absent.
///
/// A file that is written for a later version would be misread, so any other number is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigVersion {
    /// Version 1.
    #[default]
    V1,
}

impl<'de> Deserialize<'de> for ConfigVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl Number {
            fn read<N: fmt::Display + PartialEq, E: de::Error>(number: N, one: &N) -> Result<ConfigVersion, E> {
                if number == *one {
                    return Ok(ConfigVersion::V1);
                }
                let problem = "is not a version of the configuration that is known here, expected 1";
                Err(E::custom(format_args!("`version`: {number} {problem}")))
            }
        }

        impl de::Visitor<'_> for Number {
            type Value = ConfigVersion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the `version` of the configuration, which is the number 1")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<ConfigVersion, E> {
                Self::read(number, &1)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<ConfigVersion, E> {
                Self::read(number, &1)
            }
        }

        deserializer.deserialize_u64(Number)
    }
}
