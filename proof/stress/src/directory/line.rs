//! The lines that a child process prints for its parent, one for each step.

use std::fmt;

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// It is about to be tried. Without another line its outcome is unknown.
    Try,
    /// It was acknowledged.
    Done,
    /// It was acknowledged, and changed nothing.
    Same,
    /// It was refused, and nothing was changed.
    Refused,
    /// It failed in a way that was not to be expected.
    Failed,
}

const WORDS: [(Verb, &str); 5] = [
    (Verb::Try, "try"),
    (Verb::Done, "done"),
    (Verb::Same, "same"),
    (Verb::Refused, "refused"),
    (Verb::Failed, "failed"),
];

/// One step: what is changed of which tenant, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) verb: Verb,
    pub(super) id: String,
    pub(super) field: String,
    pub(super) value: String,
    /// An error in words.
    pub(super) told: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WORDS
            .iter()
            .find(|(verb, _)| *verb == self.verb)
            .map_or("", |(_, word)| word);
        let told = self.told.replace('\n', " ");
        write!(f, "{word} {} {} {} {told}", self.id, self.field, self.value)
    }
}

impl Line {
    /// `None` for a line that was cut off.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(5, ' ');
        let word = words.next()?;
        let (verb, _) = *WORDS.iter().find(|(_, known)| *known == word)?;
        Some(Self {
            verb,
            id: words.next()?.to_owned(),
            field: words.next()?.to_owned(),
            value: words.next()?.to_owned(),
            told: words.next()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        for (verb, _) in WORDS {
            let line = Line {
                verb,
                id: "own-0-1".to_owned(),
                field: "names".to_owned(),
                value: "7".to_owned(),
                told: "an error in words".to_owned(),
            };
            assert_eq!(Line::parse(&line.to_string()), Some(line));
        }
        // A process was killed while it wrote.
        for cut in ["", "do", "done own-0-1", "done own-0-1 names 7"] {
            assert_eq!(Line::parse(cut), None, "{cut}");
        }
    }
}
