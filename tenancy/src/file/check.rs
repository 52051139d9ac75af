//! What is wrong with the values, collected.

use std::fmt;
use std::path::{Path, PathBuf};

use super::document::Document;
use super::problem::ConfigProblem;
use super::variables::Variables;

/// A configuration whose values are being checked: where its paths begin, and everything that is wrong so far.
#[derive(Debug)]
pub(crate) struct Check {
    base_dir: PathBuf,
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only URLs are in variables"))]
    pub(super) variables: Variables,
    /// Whether nothing is changed: no migration runs.
    pub(crate) serves_only: bool,
    /// Whether tenants' places are all that is changed: no migration runs.
    pub(crate) places_alone: bool,
    problems: Vec<ConfigProblem>,
}

impl Check {
    pub(crate) fn new(base_dir: &Path, variables: Variables) -> Self {
        Self {
            base_dir: base_dir.to_owned(),
            variables,
            serves_only: false,
            places_alone: false,
            problems: Vec::new(),
        }
    }

    /// A path of the file: relative to the folder of the file.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.base_dir.join(path)
    }

    #[cfg(all(feature = "http", feature = "jwt"))]
    pub(crate) fn base_dir(&self) -> &Path {
        &self.base_dir
    }

    pub(crate) fn problem(&mut self, key: impl Into<String>, problem: impl fmt::Display) {
        self.add(ConfigProblem::new(key, problem));
    }

    /// A key that is required, and is not there.
    pub(crate) fn missing(&mut self, key: impl Into<String>, problem: impl fmt::Display) {
        self.add(ConfigProblem::missing(key, problem));
    }

    pub(crate) fn add(&mut self, problem: ConfigProblem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// A value, or nothing and a problem at its key.
    pub(crate) fn value<T, E: fmt::Display>(&mut self, key: impl Into<String>, value: Result<T, E>) -> Option<T> {
        value.map_err(|problem| self.problem(key, problem)).ok()
    }

    /// Everything that is wrong, with what could not be read. A key that is missing is not a problem of its own if
    /// something beside it could not be read.
    pub(crate) fn into_problems(self, document: &mut Document) -> Vec<ConfigProblem> {
        let mut problems = document.take_problems();
        let unreadable: Vec<String> = problems.iter().map(|problem| problem.key().to_owned()).collect();
        for problem in self.problems {
            let problem = document.place(problem);
            let hides = |unreadable: &String| {
                unreadable == problem.key()
                    || problem.is_missing() && table_of(problem.key()).starts_with(table_of(unreadable))
            };
            if !unreadable.iter().any(hides) {
                problems.push(problem);
            }
        }
        problems.into_iter().map(|problem| document.hide(problem)).collect()
    }
}

fn table_of(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(table, _)| table)
}
