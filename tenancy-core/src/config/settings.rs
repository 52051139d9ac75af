//! Tables of settings that refuse unknown keys, and say which one was meant.

use std::format;
use std::string::String;

/// Declares a table of settings: a struct whose fields all have defaults.
///
/// It implements `Default` and serde's `Deserialize`, which refuses an unknown key and names the
/// nearest valid one, and refuses a key that stands twice.
///
/// ```
/// tenancy_core::config::settings! {
///     /// How to serve.
///     pub struct ServeConfig {
///         /// The port. Default: 3000.
///         pub port: u16 = 3000,
///     }
/// }
///
/// let error = toml::from_str::<ServeConfig>("prot = 1").unwrap_err();
/// assert!(error.to_string().contains("unknown key `prot`, did you mean `port`?"));
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident : $Type:ty = $default:expr, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub struct $Name {
            $( $(#[$field_meta])* pub $field: $Type, )*
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl<'de> $crate::config::serde::Deserialize<'de> for $Name {
            fn deserialize<D>(deserializer: D) -> Result<Self, D::Error>
            where
                D: $crate::config::serde::Deserializer<'de>,
            {
                struct Table;

                impl<'de> $crate::config::serde::de::Visitor<'de> for Table {
                    type Value = $Name;

                    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                        f.write_str("a table")
                    }

                    fn visit_map<A>(self, mut map: A) -> Result<Self::Value, A::Error>
                    where
                        A: $crate::config::serde::de::MapAccess<'de>,
                    {
                        $( let mut $field: Option<$Type> = None; )*
                        while let Some(key) = map.next_key::<$crate::config::Key>()? {
                            match key.as_str() {
                                $( stringify!($field) if $field.is_none() => $field = Some(map.next_value()?), )*
                                $( stringify!($field) => {
                                    return Err($crate::config::serde::de::Error::duplicate_field(stringify!($field)));
                                } )*
                                unknown => {
                                    return Err($crate::config::unknown_key(unknown, &[$( stringify!($field), )*]));
                                }
                            }
                        }
                        Ok($Name { $( $field: match $field { Some(value) => value, None => $default }, )* })
                    }
                }

                deserializer.deserialize_map(Table)
            }
        }
    };
}

/// The key of a setting, as a configuration spells it.
#[doc(hidden)]
pub type Key = String;

/// The error for a key that no table has.
#[doc(hidden)]
pub fn unknown_key<E: serde::de::Error>(key: &str, valid: &[&str]) -> E {
    let valid_list = quoted(valid.iter().copied());
    match nearest(key, valid.iter().copied()) {
        Some(nearest) => E::custom(format!(
            "unknown key `{key}`, did you mean `{nearest}`? valid keys are {valid_list}"
        )),
        None => E::custom(format!("unknown key `{key}`, valid keys are {valid_list}")),
    }
}

/// The name that was most likely meant.
pub(crate) fn nearest<'v>(given: &str, valid: impl IntoIterator<Item = &'v str>) -> Option<&'v str> {
    valid
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(given, candidate), candidate))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// Names in backticks, separated by commas.
pub(crate) fn quoted<'v>(names: impl IntoIterator<Item = &'v str>) -> String {
    let mut list = String::new();
    for name in names {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push('`');
        list.push_str(name);
        list.push('`');
    }
    list
}
