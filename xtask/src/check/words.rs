//! Words that this project no longer uses, kept out of its sources and pages: each has a plain replacement.

use super::tracked::{none_of, paths, read};
use crate::command::Failure;

/// A word or phrase, and what to write instead. Phrases are compared without regard to case where they are in lower case.
const WORDS: &[(&str, &str)] = &[
    ("at hand", "available, warm"),
    ("is told", "is notified, is given, receives"),
    ("whoever", "anyone who, the caller"),
    ("he", "they"),
    ("his", "their"),
    ("him", "them"),
    ("himself", "themselves"),
    ("ask the database", "failed to query the database"),
    ("is none that", "is not valid"),
    ("a name is none", "the name is not valid"),
    ("NoPlace", "Exhausted"),
    ("Places", "ConnectionBudget"),
    ("PATIENCE", "BEGIN_TIMEOUT"),
    ("KeepAfter", "a name that says when"),
    ("Parted", "the engine's implementation"),
    ("may_learn", "refresh_for_unknown_kid"),
    ("OuterMark", "the outer access policy"),
    ("Undecided", "the step itself"),
];

/// This file has them all.
const HERE: &str = "xtask/src/check/words.rs";

pub(crate) fn check() -> Result<(), Failure> {
    let mut findings = Vec::new();
    let mut files = 0;
    for path in paths(&[".rs", ".md", ".toml"])? {
        // A changelog tells old names.
        if path == HERE || path == "CHANGELOG.md" {
            continue;
        }
        files += 1;
        let text = read(&path)?;
        for (number, line) in text.lines().enumerate() {
            let found = WORDS.iter().filter(|(word, _)| has(line, word));
            findings.extend(found.map(|(word, instead)| format!("  {path}:{}: `{word}`: write {instead}", number + 1)));
        }
    }
    none_of(&findings, "words that are not used here")?;
    println!("{files} files");
    Ok(())
}

/// Whether the line has the phrase, with no letter, digit or underscore on either side.
fn has(line: &str, phrase: &str) -> bool {
    let lower = if phrase.chars().any(char::is_uppercase) {
        line.to_owned()
    } else {
        line.to_lowercase()
    };
    let is_word =
        |character: Option<char>| character.is_some_and(|character| character.is_alphanumeric() || character == '_');
    lower.match_indices(phrase).any(|(start, found)| {
        let before = lower.get(..start).and_then(|text| text.chars().next_back());
        let after = lower.get(start + found.len()..).and_then(|text| text.chars().next());
        !is_word(before) && !is_word(after)
    })
}

#[cfg(test)]
mod tests {
    use super::has;

    #[test]
    fn whole_words_are_found() {
        assert!(has("Whoever asks", "whoever"));
        assert!(has("what is at hand.", "at hand"));
        assert!(!has("the cache", "he"));
        assert!(!has("his_tory", "his"));
        assert!(has("a `Parted` thing", "Parted"));
        assert!(!has("departed", "Parted"));
    }
}
