use core::fmt;

use heapless::String;

#[cfg(feature = "serde")]
use crate::config::{ConfigError, FromSettings, ResolutionConfig, Settings, parse_setting};
use crate::names::split_at_byte;
use crate::names::{KeyForm, ParseError, ParseProblem, ResolverName, TenantKey};
use crate::request::percent::{decode, decodes_to};
use crate::request::{Occurrence, RequestView, Target};
use crate::resolve::{Malformed, Resolver};

/// Reads a query parameter, such as `?tenant=acme`.
///
/// # Security
///
/// The value ends up in logs, in `Referer` fields, and in front of anyone who sees the address.
#[derive(Clone, Debug)]
pub struct QueryResolver {
    parameter: ParameterName,
    form: KeyForm,
}

impl QueryResolver {
    /// The resolver's name, as configuration and provenance spell it.
    pub const NAME: &'static str = "query";

    /// Reads a slug from the parameter of that name.
    #[must_use]
    pub const fn new(parameter: ParameterName) -> Self {
        Self {
            parameter,
            form: KeyForm::Slug,
        }
    }

    /// Sets the form of the value. Default: [`KeyForm::Slug`].
    #[must_use]
    pub fn with_form(self, form: KeyForm) -> Self {
        Self { form, ..self }
    }
}

impl Resolver for QueryResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static(Self::NAME)
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let Target::Path { query: Some(query), .. } = request.target else {
            return Ok(None);
        };
        let mut occurrence = Occurrence::Absent;
        for pair in query.as_bytes().split(|byte| *byte == b'&') {
            let (name, value) = split_at_byte(pair, b'=').unwrap_or((pair, b""));
            if decodes_to(name, self.parameter.as_str().as_bytes()) {
                occurrence = occurrence.and(value);
            }
        }
        match occurrence {
            Occurrence::Absent => Ok(None),
            Occurrence::Once(value) => decode(value)
                .and_then(|decoded| self.form.parse(&decoded).ok())
                .map(Some)
                .ok_or(Malformed::Tenant),
            Occurrence::Repeated => Err(Malformed::Tenant),
        }
    }
}

#[cfg(feature = "serde")]
impl FromSettings for QueryResolver {
    fn from_settings(config: &ResolutionConfig) -> Result<Settings<Self>, ConfigError> {
        const KEY: &str = "resolution.query_parameter";
        Ok(match &config.query_parameter {
            Some(text) => Settings::Complete(Self::new(parse_setting(KEY, text)?).with_form(config.query_form)),
            None => Settings::Lack(KEY),
        })
    }
}

/// The name of a query parameter or a cookie: `[A-Za-z0-9_.-]{1,64}`, case-sensitive.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterName(String<64, u8>);

impl ParameterName {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// Unless the bytes are 1 to 64 of `A-Z`, `a-z`, `0-9`, `_`, `.` and `-`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let refuse = |problem| {
            ParseError::new(
                "a parameter name",
                "1 to 64 of A-Z, a-z, 0-9, `_`, `.` and `-`",
                problem,
            )
        };
        if bytes.is_empty() {
            return Err(refuse(ParseProblem::Empty));
        }
        let mut name = String::new();
        for &byte in bytes {
            if !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'.' | b'-') {
                return Err(refuse(ParseProblem::Alphabet));
            }
            name.push(char::from(byte)).map_err(|_| refuse(ParseProblem::TooLong))?;
        }
        Ok(Self(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for ParameterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ParameterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParameterName({:?})", self.as_str())
    }
}

impl core::str::FromStr for ParameterName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes())
    }
}
