use core::fmt;

use heapless::String;

#[cfg(feature = "serde")]
use crate::config::{ConfigError, FromSettings, ResolutionConfig, Settings, parse_setting};
use crate::names::{KeyForm, ParseError, ParseProblem, ResolverName, TenantKey};
use crate::request::percent::{decode, next_byte};
use crate::request::{RequestView, Target};
use crate::resolve::{Malformed, Resolver};

/// Reads a segment of the path: `acme` of `/api/v1/acme/notes`.
///
/// The path is the one that the client sent, also inside a nested router. The segment is
/// percent-decoded once (RFC 3986 §2.1). A dot segment anywhere in a path that matches, encoded or
/// not, is malformed, since a proxy may have seen another path.
#[derive(Clone, Debug)]
pub struct PathResolver {
    template: PathTemplate,
    form: KeyForm,
}

impl PathResolver {
    /// The resolver's name, as configuration and provenance spell it.
    pub const NAME: &'static str = "path";

    /// Reads a slug where the template says `{tenant}`.
    #[must_use]
    pub const fn new(template: PathTemplate) -> Self {
        Self {
            template,
            form: KeyForm::Slug,
        }
    }

    /// Sets the form of the segment. Default: [`KeyForm::Slug`].
    #[must_use]
    pub fn with_form(self, form: KeyForm) -> Self {
        Self { form, ..self }
    }
}

impl Resolver for PathResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static(Self::NAME)
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let mut key = None;
        self.resolve_into(request, &mut key).map(|()| key)
    }

    fn resolve_into(&self, request: &RequestView<'_>, key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        let Target::Path { path, .. } = request.target else {
            return Ok(());
        };
        let Some(segment) = self.template.find(path) else {
            return Ok(());
        };
        if is_plain(path) {
            return self.form.read_into(segment, key);
        }
        if has_dot_segment(path) {
            return Err(Malformed::Tenant);
        }
        if segment.contains('%') {
            self.form
                .parse_into(&decode(segment.as_bytes()).ok_or(Malformed::Tenant)?, key)
        } else {
            self.form.read_into(segment, key)
        }
    }
}

#[cfg(feature = "serde")]
impl FromSettings for PathResolver {
    fn from_settings(config: &ResolutionConfig) -> Result<Settings<Self>, ConfigError> {
        const KEY: &str = "resolution.path_template";
        Ok(match &config.path_template {
            Some(text) => Settings::Complete(Self::new(parse_setting(KEY, text)?).with_form(config.path_form)),
            None => Settings::Lack(KEY),
        })
    }
}

/// A path with one segment `{tenant}`, such as `/api/v1/{tenant}`.
///
/// Its other segments match whole segments, case-sensitively, from the start of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    /// With the slash before the tenant.
    before: String<128, u8>,
    /// With the slash after the tenant; empty where nothing follows.
    after: String<128, u8>,
}

impl PathTemplate {
    /// The tenant's segment of a path that matches.
    fn find<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.before.as_str())?;
        // By bytes: a segment is short.
        let Some(end) = rest.bytes().position(|byte| byte == b'/') else {
            return (self.after.is_empty() && !rest.is_empty()).then_some(rest);
        };
        let (segment, behind) = rest.split_at_checked(end)?;
        if self.after.is_empty() {
            return Some(segment);
        }
        let mut wanted = self.after.split('/').skip(1);
        let mut given = behind.split('/').skip(1);
        wanted.all(|literal| given.next() == Some(literal)).then_some(segment)
    }
}

impl core::str::FromStr for PathTemplate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |problem| {
            let grammar = "`/`, then segments of letters, digits, `-`, `.`, `_` and `~`, of which one is `{tenant}`, such as \
                 `/api/v1/{tenant}`; at most 128 bytes on each side of it";
            ParseError::new("a path template", grammar, problem)
        };
        let (before, after) = text.split_once("{tenant}").ok_or(refuse(ParseProblem::Form))?;
        let literals = before.strip_prefix('/').ok_or(refuse(ParseProblem::Form))?;
        let leading = literals.strip_suffix('/').map_or(literals.is_empty(), is_literal_path);
        let trailing = after.is_empty() || after.strip_prefix('/').is_some_and(is_literal_path);
        if !leading || !trailing {
            return Err(refuse(ParseProblem::Form));
        }
        Ok(Self {
            before: String::try_from(before).map_err(|_| refuse(ParseProblem::TooLong))?,
            after: String::try_from(after).map_err(|_| refuse(ParseProblem::TooLong))?,
        })
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{tenant}}{}", self.before, self.after)
    }
}

/// Whether every segment is a plain one: unreserved characters, and no dot segment (RFC 3986 §2.3).
fn is_literal_path(path: &str) -> bool {
    path.split('/').all(|segment| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
    })
}

/// Whether nothing in a path is a dot or encoded. Eight bytes at a time: every request's path is read to its end.
fn is_plain(path: &str) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // Not zero where a byte of the word is `byte`.
    let has = |word: u64, byte: u8| {
        let zero_where_equal = word ^ (ONES * u64::from(byte));
        zero_where_equal.wrapping_sub(ONES) & !zero_where_equal & HIGH
    };
    let words = path.as_bytes().chunks_exact(8);
    let rest = words.remainder();
    let in_words = words.filter_map(|bytes| bytes.try_into().ok()).fold(0, |found, bytes| {
        let word = u64::from_ne_bytes(bytes);
        found | has(word, b'.') | has(word, b'%')
    });
    in_words == 0 && !rest.iter().any(|byte| matches!(byte, b'.' | b'%'))
}

/// Whether any proxy could see `.` or `..` here: an encoded dot or slash, a backslash, or path
/// parameters behind the dots count too.
fn has_dot_segment(path: &str) -> bool {
    let bytes = path.as_bytes();
    // The dots of the segment so far; `None` once it has anything else.
    let mut dots = Some(0_u8);
    let mut rest = bytes;
    loop {
        let (byte, after) = match next_byte(rest) {
            Some(Some((byte, after))) => (byte, after),
            Some(None) => return matches!(dots, Some(1 | 2)),
            // No escape: the percent sign stands for itself.
            None => (b'%', rest.get(1..).unwrap_or_default()),
        };
        rest = after;
        dots = match byte {
            b'/' | b'\\' | b';' if matches!(dots, Some(1 | 2)) => return true,
            b'/' | b'\\' => Some(0),
            b'.' => dots.map(|count| count.saturating_add(1)),
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;
    use crate::request::{Credentials, HeaderList, HttpVersion};

    fn resolve(template: &str, path: &str) -> std::string::String {
        let headers = HeaderList::new(&[]);
        let request = RequestView {
            version: HttpVersion::Http11,
            target: Target::path(path),
            headers: &headers,
            credentials: Credentials::Absent,
        };
        match PathResolver::new(template.parse().unwrap()).resolve(&request) {
            Ok(Some(key)) => key.as_str().into(),
            Ok(None) => "-".into(),
            Err(_) => "400".into(),
        }
    }

    #[test]
    fn one_segment_after_the_literals() {
        for (path, expected) in [
            ("/api/v1/acme", "acme"),
            ("/api/v1/acme/", "acme"),
            ("/api/v1/acme/notes/1", "acme"),
            ("/api/v1/%61cme", "acme"),
            ("/api/v1/acme//", "acme"),
            ("/api/v1/acme/a.b/..c/...", "acme"),
            ("/api/v1/acme/100%", "acme"),
            ("/api/v1x/acme", "-"),
            ("//api/v1/acme", "-"),
            ("/api//v1/acme", "-"),
            ("/API/v1/acme", "-"),
            ("/%61pi/v1/acme", "-"),
            ("/api/v1", "-"),
            ("/api/v1/", "-"),
            ("/x/api/v1/acme", "-"),
            ("/api/../api/v1/acme", "-"),
            ("/", "-"),
            ("", "-"),
            ("*", "-"),
        ] {
            assert_eq!(resolve("/api/v1/{tenant}", path), expected, "{path:?}");
        }
    }

    #[test]
    fn a_segment_that_is_no_slug_is_malformed() {
        for segment in [
            "a%2Fb",
            "a%252Fb",
            ".",
            "..",
            "%2e%2e",
            "%2E.",
            ";v=1",
            "acme;v=1",
            "%zz",
            "%",
            "%ff",
            "%00",
            "a+b",
            "Acme",
            "a%20b",
            "-a",
            "a.b",
            "%",
            "é",
            "/x",
            "/",
            "x/../acme",
            "x/%2e%2E/y",
            "x/.",
            "x/..%2fy",
            "x/..;a=b/y",
            "x/..%5cy",
        ] {
            assert_eq!(
                resolve("/api/v1/{tenant}", &std::format!("/api/v1/{segment}")),
                "400",
                "{segment:?}"
            );
        }
        assert_eq!(resolve("/{tenant}", &std::format!("/{}", "x".repeat(64))), "400");
    }

    #[test]
    fn a_dot_or_an_escape_is_seen_anywhere() {
        for length in 0..40 {
            let mut path = std::vec![b'a'; length];
            assert!(is_plain(core::str::from_utf8(&path).unwrap()), "{length}");
            for place in 0..length {
                for special in [b'.', b'%'] {
                    path[place] = special;
                    assert!(!is_plain(core::str::from_utf8(&path).unwrap()), "{length}, {place}");
                }
                path[place] = b'a';
            }
        }
        // Each other byte of one byte's character.
        let others: std::string::String = (0..128_u8)
            .filter(|byte| !b".%".contains(byte))
            .map(char::from)
            .collect();
        assert!(is_plain(&others) && is_plain("/é/ü/ß/日本/😀"));
    }

    #[test]
    fn literals_may_follow() {
        for (path, expected) in [
            ("/t/acme/api", "acme"),
            ("/t/acme/api/x", "acme"),
            ("/t/acme/apix", "-"),
            ("/t/acme", "-"),
            ("/t//api", "400"),
            ("/t//x", "-"),
            ("/t/acme/x/../api", "-"),
        ] {
            assert_eq!(resolve("/t/{tenant}/api", path), expected, "{path:?}");
        }
        assert_eq!(resolve("/{tenant}", "/acme"), "acme");
        assert_eq!(resolve("/{tenant}", "/"), "-");
        assert_eq!(resolve("/{tenant}", "//"), "400");
    }

    #[test]
    fn templates_have_plain_segments_and_one_tenant() {
        for good in ["/{tenant}", "/api/v1/{tenant}", "/t/{tenant}/api", "/a.b/~c/{tenant}"] {
            assert_eq!(good.parse::<PathTemplate>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "/",
            "{tenant}",
            "/api",
            "/api/{tenant}/",
            "/api/x{tenant}",
            "/api/{tenant}x",
            "//{tenant}",
            "/a//{tenant}",
            "/a%20b/{tenant}",
            "/{tenant}/{tenant}",
            "/../{tenant}",
            "/{id}/{tenant}",
            "/a?b/{tenant}",
            "/{Tenant}",
        ] {
            assert!(bad.parse::<PathTemplate>().is_err(), "{bad:?}");
        }
        assert!(
            std::format!("/{}/{{tenant}}", "x".repeat(200))
                .parse::<PathTemplate>()
                .is_err()
        );
    }
}
