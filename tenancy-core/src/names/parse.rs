//! The error of every text that does not parse.

use core::fmt;

/// What is wrong with a text that does not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseProblem {
    /// The text, or a part of it, is empty.
    Empty,
    /// More bytes or parts than there may be.
    TooLong,
    /// A byte outside the alphabet, or one that may not stand where it does.
    Alphabet,
    /// The text is of another form, or not one of the known values.
    Form,
}

/// A text that does not parse: a name, a path template, a claim's path, a status, a change.
///
/// It says what was expected and what is wrong, and never repeats the text: that came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    kind: &'static str,
    grammar: &'static str,
    problem: ParseProblem,
}

impl ParseError {
    pub(crate) const fn new(kind: &'static str, grammar: &'static str, problem: ParseProblem) -> Self {
        Self { kind, grammar, problem }
    }

    /// What is wrong with the text.
    #[must_use]
    pub const fn problem(&self) -> ParseProblem {
        self.problem
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, grammar, problem } = self;
        match problem {
            ParseProblem::Empty => write!(f, "{kind} is empty, expected {grammar}"),
            ParseProblem::TooLong => write!(f, "{kind} is too long, expected {grammar}"),
            ParseProblem::Alphabet => write!(f, "{kind} has a character that it may not have, expected {grammar}"),
            ParseProblem::Form => write!(f, "{kind} is not well formed, expected {grammar}"),
        }
    }
}

impl core::error::Error for ParseError {}
