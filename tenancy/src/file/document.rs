//! The text of the file, read as far as it can be.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use toml::de::DeTable;
use toml::{Table, Value};

use super::expected::without_values;
use super::location::{KeyPath, Step, line_at, line_of, printable};
use super::pasted::Pasted;
use super::problem::ConfigProblem;

/// A file that is being read. What is wrong is taken out of its values, so that the rest is read too.
#[derive(Debug, Default)]
pub(crate) struct Document {
    text: String,
    values: Table,
    /// Of each list, the indexes of what was taken out.
    taken: HashMap<String, Vec<usize>>,
    problems: Vec<ConfigProblem>,
    pasted: Pasted,
}

impl Document {
    /// Reads text. If it is no TOML, all errors of its syntax are the problems, and there are no values.
    pub(crate) fn parse(text: &str) -> Self {
        let (_, errors) = DeTable::parse_recoverable(text);
        let problems: Vec<ConfigProblem> = errors
            .iter()
            .map(|error| {
                let line = error.span().map(|span| line_at(text, span.start));
                ConfigProblem::new("", format!("no TOML: {}", error.message())).at(line)
            })
            .collect();
        let values = if problems.is_empty() {
            toml::from_str(text)
        } else {
            Ok(Table::new())
        };
        let values = values.unwrap_or_default();
        Self {
            text: text.to_owned(),
            pasted: Pasted::of(&values),
            values,
            problems,
            taken: HashMap::new(),
        }
    }

    /// Whether the text is TOML.
    pub(crate) fn is_toml(&self) -> bool {
        self.problems.iter().all(|problem| !problem.key().is_empty())
    }

    /// Takes out what is not tenancy's.
    pub(crate) fn leave_out(&mut self, tables: &[String]) {
        for table in tables {
            self.values.remove(table);
        }
    }

    /// The file's tables, and the defaults of what cannot be read.
    pub(crate) fn read<T: DeserializeOwned + Default>(&mut self) -> T {
        loop {
            match serde_path_to_error::deserialize(Value::Table(self.values.clone())) {
                Ok(read) => return read,
                Err(error) => {
                    let path = steps(error.path());
                    let message = error.inner().message().to_owned();
                    if !self.take_out(path, &message) {
                        self.problems.push(ConfigProblem::new("", without_values(&message)));
                        return T::default();
                    }
                }
            }
        }
    }

    /// The values once more, without this key. `None` if it is not there.
    pub(crate) fn read_without<T: DeserializeOwned + Default>(&mut self, key: &str) -> Option<T> {
        let path = KeyPath::parse(key);
        if !path.0.iter().all(|step| matches!(step, Step::Key(_))) || !self.remove(&path) {
            return None;
        }
        Some(self.read())
    }

    pub(crate) fn take_problems(&mut self) -> Vec<ConfigProblem> {
        std::mem::take(&mut self.problems)
    }

    /// Notes problems again that were taken.
    pub(crate) fn put_back(&mut self, problems: Vec<ConfigProblem>) {
        self.problems.splice(0..0, problems);
    }

    /// The same problem where the text has it: its line, and indexes that count what was taken out.
    pub(crate) fn place(&self, problem: ConfigProblem) -> ConfigProblem {
        let shown = self.original(&KeyPath::parse(problem.key()));
        let line = line_of(&self.text, &shown);
        problem.with_key(shown.to_string()).at(line)
    }

    /// The same problem without a secret that the file has in the wrong place.
    pub(crate) fn hide(&self, problem: ConfigProblem) -> ConfigProblem {
        let shown = self.pasted.hide(problem.problem());
        problem.with_problem(shown)
    }

    /// Notes a problem and takes its value out. Returns whether there was one to take out.
    fn take_out(&mut self, path: KeyPath, message: &str) -> bool {
        let path = match self.unknown_key(&path, message) {
            Some(key) => path.then(&key),
            None => path,
        };
        let shown = self.original(&path);
        let text = shown.to_string();
        // The version says its own name, for files that are read in another way.
        let message = message.strip_prefix("`version`: ").unwrap_or(message);
        let message = match path.0.last() {
            Some(Step::Key(key)) if printable(key) != key => "this key is not known here".to_owned(),
            _ => without_values(message),
        };
        let line = line_of(&self.text, &shown);
        if !self.remove(&path) {
            return false;
        }
        self.problems.push(ConfigProblem::new(text, message).at(line));
        true
    }

    /// The key that is not known, if that is the problem with the table at `path`.
    fn unknown_key(&self, path: &KeyPath, message: &str) -> Option<String> {
        let table = at(&self.values, &path.0)?;
        let is_named = |key: &&String| message.starts_with(&format!("unknown key `{key}`"));
        table.keys().filter(is_named).max_by_key(|key| key.len()).cloned()
    }

    /// Takes out the value at `path`, or the nearest above it that there is.
    fn remove(&mut self, path: &KeyPath) -> bool {
        let Some((last, above)) = path.0.split_last() else {
            return false;
        };
        match last {
            Step::Key(key) => at_mut(&mut self.values, above).is_some_and(|table| table.remove(key).is_some()),
            Step::Index(index) => {
                let Some((Step::Key(list), table)) = above.split_last() else {
                    return self.remove(&KeyPath(above.to_vec()));
                };
                let entry = at_mut(&mut self.values, table).and_then(|table| table.get_mut(list));
                match entry {
                    Some(Value::Array(list)) if *index < list.len() => {
                        let name = KeyPath(above.to_vec()).to_string();
                        let shown = original_index(self.taken.get(&name), *index);
                        list.remove(*index);
                        self.taken.entry(name).or_default().push(shown);
                        true
                    }
                    _ => false,
                }
            }
        }
    }

    /// The path in the text: indexes count what was taken out.
    fn original(&self, path: &KeyPath) -> KeyPath {
        let mut shown = KeyPath::default();
        let mut real = KeyPath::default();
        for step in &path.0 {
            shown.0.push(match step {
                Step::Index(index) => Step::Index(original_index(self.taken.get(&real.to_string()), *index)),
                key => key.clone(),
            });
            real.0.push(step.clone());
        }
        shown
    }
}

/// The index before others of the list were taken out.
fn original_index(taken: Option<&Vec<usize>>, index: usize) -> usize {
    let mut taken: Vec<usize> = taken.cloned().unwrap_or_default();
    taken.sort_unstable();
    taken
        .into_iter()
        .fold(index, |index, taken| if taken <= index { index + 1 } else { index })
}

fn steps(path: &Path) -> KeyPath {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    KeyPath(path.iter().filter_map(step).collect())
}

fn at<'v>(table: &'v Table, steps: &[Step]) -> Option<&'v Table> {
    let Some((Step::Key(key), rest)) = steps.split_first() else {
        return steps.is_empty().then_some(table);
    };
    let mut value = table.get(key)?;
    let mut rest = rest;
    while let Some((Step::Index(index), after)) = rest.split_first() {
        value = value.as_array()?.get(*index)?;
        rest = after;
    }
    at(value.as_table()?, rest)
}

fn at_mut<'v>(table: &'v mut Table, steps: &[Step]) -> Option<&'v mut Table> {
    let Some((Step::Key(key), rest)) = steps.split_first() else {
        return steps.is_empty().then_some(table);
    };
    let mut value = table.get_mut(key)?;
    let mut rest = rest;
    while let Some((Step::Index(index), after)) = rest.split_first() {
        value = value.as_array_mut()?.get_mut(*index)?;
        rest = after;
    }
    at_mut(value.as_table_mut()?, rest)
}
