//! What is wrong with settings, without the values.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::de::{Expected, Unexpected};

/// What is wrong with the settings of a tenant, or with their type. It names the key, and never shows a value, which may be secret.
///
/// ```
/// use serde::Deserialize;
/// use serde_json::json;
/// # use tenancy_cache::TenantSettings;
/// # use tenancy_core::directory::{SettingsDocument, SettingsSource};
/// # struct Empty;
/// # impl SettingsSource for Empty {
/// #     type Error = std::convert::Infallible;
/// #     async fn settings_of(&self, _: &tenancy_core::names::TenantId) -> Result<Option<SettingsDocument>, Self::Error> {
/// #         Ok(Some(SettingsDocument::empty()))
/// #     }
/// # }
///
/// #[derive(Default, Deserialize)]
/// #[serde(default)]
/// struct Plan {
///     seats: u32,
/// }
///
/// # let source = Empty;
/// let settings = TenantSettings::<Plan>::new(source)?;
/// let problem = |value| match value {
///     serde_json::Value::Object(object) => settings.check(&object).err().map(|problem| problem.to_string()),
///     _ => None,
/// };
/// assert_eq!(problem(json!({ "seats": 20 })), None);
/// assert_eq!(problem(json!({ "seat": 20 })).unwrap(), "unknown key `seat`, did you mean `seats`?");
/// assert_eq!(problem(json!({ "seats": "hunter2" })).unwrap(), "`seats` is a string, expected u32");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsProblem {
    /// From the value to the whole document.
    path: Vec<Segment>,
    kind: Arc<Kind>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    UnknownKey {
        key: String,
        nearest: Option<String>,
        valid: Vec<String>,
    },
    /// What it is, such as a string.
    Type {
        found: &'static str,
        expected: String,
    },
    /// As `Type`, of the right type.
    Value {
        found: &'static str,
        expected: String,
    },
    Variant {
        valid: &'static [&'static str],
    },
    Length {
        expected: String,
    },
    NoDefault,
    Twice,
    /// What a type's own code says is not repeated: it may have the value in it.
    Other,
    NoJson {
        line: usize,
        column: usize,
    },
    NoStruct,
    Flattened {
        name: String,
    },
}

/// From which likeness on a key is taken for a mistyped one: 1 is the same.
const ALIKE: f64 = 0.8;

impl SettingsProblem {
    fn new(kind: Kind) -> Self {
        Self {
            path: Vec::new(),
            kind: Arc::new(kind),
        }
    }

    /// The key that is wrong, such as `limits.rate`; empty if it is the whole document.
    #[must_use]
    pub fn key(&self) -> String {
        let mut key = String::new();
        for segment in self.path.iter().rev() {
            match segment {
                Segment::Key(name) => push(&mut key, name),
                Segment::Index(index) => key.push_str(&format!("[{index}]")),
            }
        }
        // What serde has read ahead, as it does for an enum with a tag, lacks the last step.
        if let Kind::UnknownKey { key: name, .. } = &*self.kind
            && !matches!(self.path.first(), Some(Segment::Key(last)) if last == name)
        {
            push(&mut key, name);
        }
        key
    }

    pub(super) fn inside(mut self, key: &str) -> Self {
        self.path.push(Segment::Key(shown(key)));
        self
    }

    pub(super) fn at(mut self, index: usize) -> Self {
        self.path.push(Segment::Index(index));
        self
    }

    pub(super) fn unknown_key(key: &str, valid: &[&str]) -> Self {
        let alike = valid.iter().map(|valid| (strsim::jaro_winkler(key, valid), valid));
        let nearest = alike
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        Self::new(Kind::UnknownKey {
            key: shown(key),
            nearest: nearest.map(|(_, key)| (*key).to_owned()),
            valid: valid.iter().map(|key| (*key).to_owned()).collect(),
        })
    }

    pub(super) fn no_json(error: &serde_json::Error) -> Self {
        Self::new(Kind::NoJson {
            line: error.line(),
            column: error.column(),
        })
    }

    pub(super) fn longer_than(most: usize) -> Self {
        let expected = format!("no more than {most}");
        Self::new(Kind::Length { expected })
    }

    pub(super) fn no_struct() -> Self {
        Self::new(Kind::NoStruct)
    }

    pub(super) fn flattened(name: &str) -> Self {
        Self::new(Kind::Flattened { name: name.to_owned() })
    }
}

fn push(key: &mut String, name: &str) {
    if !key.is_empty() {
        key.push('.');
    }
    key.push_str(name);
}

/// A key of a document, which others wrote: in one line, and not long.
fn shown(key: &str) -> String {
    const MOST: usize = 64;
    let mut shown: String = key.chars().take(MOST).flat_map(char::escape_debug).collect();
    if key.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key();
        let subject = if key.is_empty() {
            "the document".to_owned()
        } else {
            format!("`{key}`")
        };
        match &*self.kind {
            Kind::UnknownKey {
                nearest: Some(nearest), ..
            } => {
                write!(f, "unknown key {subject}, did you mean `{nearest}`?")
            }
            Kind::UnknownKey { valid, .. } => write!(f, "unknown key {subject}, {}", listed("valid keys are", valid)),
            Kind::Type { found, expected } => write!(f, "{subject} is {found}, expected {expected}"),
            Kind::Value { found, expected } => write!(f, "{subject} is {found} that is not valid, expected {expected}"),
            Kind::Variant { valid } => write!(f, "{subject} is not valid, {}", listed("valid are", valid)),
            Kind::Length { expected } => write!(f, "{subject} has a wrong length, expected {expected}"),
            Kind::NoDefault => write!(
                f,
                "{subject} has no default: give the type the attribute `#[serde(default)]`"
            ),
            Kind::Twice => write!(f, "{subject} is there twice, once by another name"),
            Kind::Other => write!(f, "{subject} is not valid"),
            Kind::NoJson { line, column } => {
                write!(f, "{subject} is no JSON, as line {line} and column {column} show")
            }
            Kind::NoStruct => f.write_str("the type of the settings is no struct with named fields"),
            Kind::Flattened { name } => {
                write!(
                    f,
                    "`{name}` flattens another type, so that an unknown key could not be refused"
                )
            }
        }
    }
}

/// Names in backticks; there may be none.
fn listed(are: &str, names: &[impl AsRef<str>]) -> String {
    if names.is_empty() {
        return "there is none".to_owned();
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    format!("{are} {}", names.join(", "))
}

impl Error for SettingsProblem {}

/// What is there instead, without the value.
const fn found(unexpected: &Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "an array",
        Unexpected::Map => "an object",
        _ => "something else",
    }
}

/// Errors of types, of which nothing is taken over that may have a value in it.
impl serde::de::Error for SettingsProblem {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self::new(Kind::Other)
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::Type {
            found: found(&unexpected),
            expected: expected.to_string(),
        })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::Value {
            found: found(&unexpected),
            expected: expected.to_string(),
        })
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(Kind::Length {
            expected: expected.to_string(),
        })
    }

    fn unknown_variant(_: &str, valid: &'static [&'static str]) -> Self {
        Self::new(Kind::Variant { valid })
    }

    fn unknown_field(field: &str, valid: &'static [&'static str]) -> Self {
        Self::unknown_key(field, valid)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::NoDefault).inside(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(Kind::Twice).inside(field)
    }
}
