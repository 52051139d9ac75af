//! What was looked at, and what was found there.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::output::{Answer, Exit, Failure, Next, printable};

/// Something that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// For machines.
    pub(crate) code: String,
    pub(crate) message: String,
    /// SQL that mends it; empty where that needs a decision, or is no matter of SQL.
    pub(crate) mend: String,
    /// Whether tenants' data may be exposed.
    pub(crate) is_unsafe: bool,
    pub(crate) next: Vec<Next>,
}

impl Finding {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            mend: String::new(),
            is_unsafe: false,
            next: Vec::new(),
        }
    }

    pub(crate) fn run(mut self, command: impl Into<String>) -> Self {
        self.next.push(Next::Run(command.into()));
        self
    }

    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.next.push(Next::Do(advice.into()));
        self
    }

    pub(crate) fn machine(&self) -> Value {
        json!({
            "code": self.code,
            "message": self.message,
            "unsafe": self.is_unsafe,
            "mend": (!self.mend.is_empty()).then_some(&self.mend),
        })
    }
}

/// What was found, and what is worth knowing besides.
#[derive(Debug, Default)]
pub(crate) struct Verification {
    pub(crate) findings: Vec<Finding>,
    pub(crate) notes: Vec<String>,
}

/// What came of one look.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Fine,
    Findings(Vec<Finding>),
    /// It could not be looked at.
    Failed(Failure),
}

impl State {
    pub(crate) fn of(findings: Vec<Finding>) -> Self {
        if findings.is_empty() {
            Self::Fine
        } else {
            Self::Findings(findings)
        }
    }

    pub(crate) fn of_result(looked: Result<Vec<Finding>, Failure>) -> Self {
        looked.map_or_else(Self::Failed, Self::of)
    }
}

/// One look, by its name.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) state: State,
}

/// All looks of a command.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    pub(crate) fn add(&mut self, name: impl Into<String>, state: State) {
        self.0.push(Check {
            name: name.into(),
            state,
        });
    }

    /// What they come to: 3 if something was found, 1 if something could not be looked at.
    pub(crate) fn answer(self) -> Answer {
        let mut text = String::new();
        let mut machine: Vec<Value> = Vec::new();
        let mut next: Vec<Next> = Vec::new();
        let mut exit = Exit::Done;
        for Check { name, state } in &self.0 {
            let (word, findings, error) = match state {
                State::Fine => ("fine", Vec::new(), None),
                State::Findings(findings) => {
                    if exit == Exit::Done {
                        exit = Exit::Found;
                    }
                    next.extend(findings.iter().flat_map(|finding| finding.next.iter().cloned()));
                    ("finding", findings.clone(), None)
                }
                State::Failed(failure) => {
                    exit = Exit::Failed;
                    next.extend_from_slice(failure.next());
                    ("failed", Vec::new(), Some(failure))
                }
            };
            let _ = writeln!(text, "{word:<8} {name}");
            for finding in &findings {
                let _ = writeln!(text, "         - {}", lines(&finding.message));
            }
            if let Some(failure) = error {
                let _ = writeln!(text, "         - {}", lines(failure.message()));
            }
            machine.push(json!({
                "check": name,
                "state": word,
                "findings": findings.iter().map(Finding::machine).collect::<Vec<_>>(),
                "error": error.map(|failure| json!({ "code": failure.code(), "message": failure.message() })),
            }));
        }
        let answer = Answer::new(text).with("checks", machine).ending(exit);
        next.into_iter().fold(answer, Answer::and)
    }
}

/// A message of several lines, each under the first.
fn lines(message: &str) -> String {
    message.lines().map(printable).collect::<Vec<_>>().join("\n           ")
}
