//! Where a key stands: its path through the tables, and its line.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One step from the file to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The steps to a value, as `strategies.row.tables[1].name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyPath(pub(super) Vec<Step>);

impl KeyPath {
    /// Of the text that this type is written as.
    pub(super) fn parse(text: &str) -> Self {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (name, indexes) = part.split_once('[').unwrap_or((part, ""));
            steps.push(Step::Key(name.to_owned()));
            let indexes = indexes.split(['[', ']']).filter_map(|index| index.parse().ok());
            steps.extend(indexes.map(Step::Index));
        }
        Self(steps)
    }

    pub(super) fn then(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    if place > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(printable(key))?;
                }
            }
        }
        Ok(())
    }
}

/// A key as an error may show it. What is no ordinary key may be anything that was pasted there, a URL with its password
/// too.
pub(super) fn printable(key: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if key.len() <= 64 && key.bytes().all(is_plain) {
        key
    } else {
        "a key that is not shown"
    }
}

/// The line of a key in the text, from 1 on: that of the nearest table above it that is there.
pub(super) fn line_of(text: &str, path: &KeyPath) -> Option<usize> {
    let (document, _) = DeTable::parse_recoverable(text);
    let mut place = None;
    let mut table = Some(document.get_ref());
    let mut value: Option<&DeValue<'_>> = None;
    for step in &path.0 {
        match step {
            Step::Key(name) => {
                let entries = table.take().or(value.and_then(|value| match value {
                    DeValue::Table(table) => Some(table),
                    _ => None,
                }));
                let found = entries.and_then(|entries| entries.iter().find(|(key, _)| key.get_ref() == name.as_str()));
                let Some((key, found)) = found else { break };
                place = Some(key.span().start);
                value = Some(found.get_ref());
            }
            Step::Index(index) => {
                let Some(DeValue::Array(list)) = value else { break };
                let found: Option<&Spanned<DeValue<'_>>> = list.get(*index);
                let Some(found) = found else { break };
                place = Some(found.span().start);
                value = Some(found.get_ref());
            }
        }
    }
    place.map(|place| line_at(text, place))
}

/// The line of a place in the text, from 1 on.
pub(super) fn line_at(text: &str, place: usize) -> usize {
    let before = text.as_bytes().get(..place).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_it_is_read() {
        for text in ["version", "strategies.row.tables[1].name", "jwt.issuers[0].keys[2]"] {
            assert_eq!(KeyPath::parse(text).to_string(), text);
        }
    }

    #[test]
    fn a_key_is_found_by_its_line() {
        let text =
            "version = 1\n[strategies.row]\ntables = [\n  \"a\",\n  { name = \"b\" },\n]\n[[jwt.keys]]\nkid = \"1\"\n";
        for (path, line) in [
            ("version", 1),
            ("strategies.row", 2),
            ("strategies.row.tables[0]", 4),
            ("strategies.row.tables[1].name", 5),
            ("strategies.row.prefix", 2),
            ("jwt.keys[0].kid", 8),
        ] {
            assert_eq!(line_of(text, &KeyPath::parse(path)), Some(line), "{path}");
        }
        assert_eq!(line_of(text, &KeyPath::parse("database.url_env")), None);
    }

    #[test]
    fn what_is_pasted_in_place_of_a_key_is_not_shown() {
        assert_eq!(
            KeyPath::default().then("postgres://app:hidden@host").to_string(),
            "a key that is not shown"
        );
    }
}
