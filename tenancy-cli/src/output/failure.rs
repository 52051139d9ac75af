//! Why a command did not do what it was to do, and what to do next.

use super::exit::Exit;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// To run this command, whose name is left out.
    Run(String),
    /// To do this.
    Do(String),
}

/// A command that ended otherwise than it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(super) exit: Exit,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) next: Vec<Next>,
}

impl Failure {
    /// A failure. The code is for machines; the message says what failed.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            code,
            message: message.into(),
            next: Vec::new(),
        }
    }

    /// A command line that is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::new("usage", message)
        }
    }

    /// Says which command to run next.
    pub(crate) fn run(mut self, command: impl Into<String>) -> Self {
        self.next.push(Next::Run(command.into()));
        self
    }

    /// Says what to do next.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.next.push(Next::Do(advice.into()));
        self
    }

    /// Says what to do next.
    pub(crate) fn and(mut self, next: Next) -> Self {
        if !self.next.contains(&next) {
            self.next.push(next);
        }
        self
    }

    /// The same, told in these words.
    pub(crate) fn saying(self, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..self
        }
    }

    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn next(&self) -> &[Next] {
        &self.next
    }
}
