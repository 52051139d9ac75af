//! Secrets that were pasted where something else belongs.

use toml::{Table, Value};

/// The texts of a file that look like a connection string with its password, in lower case. Whichever key they stand at,
/// and whatever is wrong with them there, no error repeats them.
#[derive(Debug, Default)]
pub(super) struct Pasted(Vec<String>);

impl Pasted {
    /// Of all values and keys.
    pub(super) fn of(table: &Table) -> Self {
        let mut found = Vec::new();
        for (key, value) in table {
            collect(&Value::String(key.clone()), &mut found);
            collect(value, &mut found);
        }
        // The longest first: one may be a part of another.
        found.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
        Self(found)
    }

    /// The text without any of them, on one line: control characters of a value are written as escapes.
    pub(super) fn hide(&self, text: &str) -> String {
        let hidden = self
            .0
            .iter()
            .fold(text.to_owned(), |text, pasted| without(&text, pasted));
        let mut line = String::with_capacity(hidden.len());
        for character in hidden.chars() {
            if character.is_control() {
                line.extend(character.escape_debug());
            } else {
                line.push(character);
            }
        }
        line
    }
}

/// Whether a text looks like a connection string with a password in it: `postgres://app:…@host`, `app:…@host` or
/// `password=…`.
pub(super) fn holds_password(text: &str) -> bool {
    let text: String = text.to_ascii_lowercase().split_whitespace().collect();
    let names_one = ["password=", "passwd=", "pwd="].iter().any(|key| text.contains(key));
    names_one || text.split_once(':').is_some_and(|(_, rest)| rest.contains('@'))
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if holds_password(text) => found.push(text.trim().to_ascii_lowercase()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Table(table) => found.extend(Pasted::of(table).0),
        _ => {}
    }
}

/// In any case: some values are compared, and shown, in lower case. Lower case of ASCII is as long as it was.
fn without(text: &str, pasted: &str) -> String {
    let mut shown = text.to_owned();
    while let Some(place) = shown.to_ascii_lowercase().find(pasted) {
        shown.replace_range(place..place + pasted.len(), "a value that is not shown");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_seen_by_what_stands_around_it() {
        for (text, expected) in [
            ("postgres://app:hidden@host/db", true),
            ("app:hidden@host", true),
            ("host=db password=hidden", true),
            ("host=db PASSWORD = 'hidden'", true),
            ("Server=db;Pwd=hidden", true),
            ("https://issuer.example.com", false),
            ("/run/secrets/db_password", false),
            ("/run/secrets/url@2", false),
            ("api://app", false),
            ("", false),
        ] {
            assert_eq!(holds_password(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_pasted_is_hidden_wherever_it_is_said() {
        let table = toml::from_str("a = [' app:Hidden@host']\nb = { c = 'app:Hidden@host/x' }").unwrap();
        let pasted = Pasted::of(&table);
        assert_eq!(pasted.hide("`a\n\u{1b}[31mb` ä"), "`a\\n\\u{1b}[31mb` ä");
        let shown = pasted.hide("`/etc/app:Hidden@host/x` and `app:hidden@HOST`");
        assert_eq!(
            shown,
            "`/etc/a value that is not shown` and `a value that is not shown`"
        );
    }
}
