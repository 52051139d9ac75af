//! What is wrong with a configuration.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong with a configuration: which key, and what to write. It never holds the value of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    key: String,
    line: Option<usize>,
    problem: String,
    is_missing: bool,
}

impl ConfigProblem {
    pub(crate) fn new(key: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self {
            key: key.into(),
            line: None,
            problem: problem.to_string(),
            is_missing: false,
        }
    }

    /// Of a key that is not there. If another key beside it cannot be read, that one was meant.
    pub(crate) fn missing(key: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self {
            is_missing: true,
            ..Self::new(key, problem)
        }
    }

    pub(crate) fn with_key(self, key: String) -> Self {
        Self { key, ..self }
    }

    pub(crate) fn with_problem(self, problem: String) -> Self {
        Self { problem, ..self }
    }

    pub(crate) fn at(self, line: Option<usize>) -> Self {
        Self { line, ..self }
    }

    pub(crate) const fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// The key with its tables, such as `strategies.row.tables[1].name`. Empty if the text is no TOML.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The line of the file, from 1 on, if the key stands in one.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong, and what to write.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if self.key.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "`{}`: {}", self.key, self.problem)
        }
    }
}

/// Everything that is wrong with a configuration, by line. As text: a line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblems {
    file: Option<PathBuf>,
    problems: Vec<ConfigProblem>,
}

impl ConfigProblems {
    pub(crate) fn new(file: Option<PathBuf>, mut problems: Vec<ConfigProblem>) -> Self {
        problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        Self { file, problems }
    }

    /// What is wrong.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed to use the configuration")?;
        if let Some(file) = &self.file {
            write!(f, " `{}`", file.display())?;
        }
        match self.problems.len() {
            1 => f.write_str(": 1 problem")?,
            number => write!(f, ": {number} problems")?,
        }
        for problem in &self.problems {
            write!(f, "\n{problem}")?;
        }
        Ok(())
    }
}

impl Error for ConfigProblems {}
