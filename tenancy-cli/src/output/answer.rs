//! The answer of a command, as text or as one JSON document.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use super::exit::Exit;
use super::failure::{Failure, Next};

/// What a command found or did.
#[derive(Debug)]
pub(crate) struct Answer {
    exit: Exit,
    data: Map<String, Value>,
    text: String,
    next: Vec<Next>,
    /// Whether everything was printed line by line.
    is_streamed: bool,
}

impl Answer {
    /// An answer that people read as this text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            exit: Exit::Done,
            data: Map::new(),
            text: text.into(),
            next: Vec::new(),
            is_streamed: false,
        }
    }

    /// An answer of which everything was printed already, line by line.
    pub(crate) fn streamed() -> Self {
        Self {
            is_streamed: true,
            ..Self::new("")
        }
    }

    /// The answer of a look that was interrupted.
    pub(crate) fn interrupted() -> Self {
        Self::new("nothing was changed")
            .advise("give the same command again")
            .ending(Exit::Interrupted)
    }

    /// Adds a value for machines.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) const fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Says which command to run next.
    pub(crate) fn run(self, command: impl Into<String>) -> Self {
        self.and(Next::Run(command.into()))
    }

    /// Says what to do next.
    pub(crate) fn advise(self, advice: impl Into<String>) -> Self {
        self.and(Next::Do(advice.into()))
    }

    /// Says what to do next, unless that is said already.
    pub(crate) fn and(mut self, next: Next) -> Self {
        if !self.next.contains(&next) {
            self.next.push(next);
        }
        self
    }
}

/// One JSON document. `v` is raised if a key changes its meaning.
#[derive(Serialize)]
struct Document<'d> {
    v: u8,
    ok: bool,
    next: Vec<String>,
    #[serde(flatten)]
    data: &'d Map<String, Value>,
}

const VERSION: u8 = 1;

/// Where answers go.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    name: &'static str,
    json: bool,
    options: String,
}

impl Output {
    pub(crate) const fn new(name: &'static str, json: bool) -> Self {
        Self {
            name,
            json,
            options: String::new(),
        }
    }

    /// Options that each advised command needs, too.
    pub(crate) fn with_options(mut self, options: String) -> Self {
        self.options = options;
        self
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// A command line that is to be run next.
    pub(crate) fn command(&self, command: &str) -> String {
        format!("{}{} {command}", self.name, self.options)
    }

    /// Prints what a command comes to.
    pub(crate) fn end(&self, ended: Result<Answer, Failure>) -> Exit {
        match ended {
            Ok(answer) => self.answer(&answer),
            Err(failure) => self.fail(&failure),
        }
    }

    fn answer(&self, answer: &Answer) -> Exit {
        let next = self.shown(&answer.next);
        let printed = if answer.is_streamed {
            Ok(())
        } else if self.json {
            let ok = answer.exit == Exit::Done;
            self.document(ok, next, &answer.data)
        } else {
            let printed = print_text(&answer.text);
            say_next(&next);
            printed
        };
        ended(printed, answer.exit)
    }

    /// Prints a failure.
    pub(crate) fn fail(&self, failure: &Failure) -> Exit {
        let next = match (failure.next.as_slice(), failure.exit) {
            ([], Exit::Usage) => self.shown(&[Next::Run("--help".to_owned())]),
            ([], _) => self.shown(&[Next::Run("check".to_owned())]),
            (next, _) => self.shown(next),
        };
        if !self.json {
            let _ = writeln!(io::stderr(), "error: {}", failure.message);
            say_next(&next);
            return failure.exit;
        }
        let error = serde_json::json!({ "code": failure.code, "message": failure.message });
        let data = Map::from_iter([("error".to_owned(), error)]);
        ended(self.document(false, next, &data), failure.exit)
    }

    /// Prints one line of an answer that has no end: the document for machines, or the text.
    pub(crate) fn line(&self, value: &Value, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut stdout, value)?;
            writeln!(stdout)?;
        } else {
            writeln!(stdout, "{text}")?;
        }
        stdout.flush()
    }

    fn document(&self, ok: bool, next: Vec<String>, data: &Map<String, Value>) -> io::Result<()> {
        let document = Document {
            v: VERSION,
            ok,
            next,
            data,
        };
        let mut stdout = io::stdout().lock();
        serde_json::to_writer(&mut stdout, &document)?;
        writeln!(stdout)?;
        stdout.flush()
    }

    fn shown(&self, next: &[Next]) -> Vec<String> {
        let shown = next.iter().map(|next| match next {
            Next::Run(command) => self.command(command),
            Next::Do(advice) => advice.clone(),
        });
        shown.collect()
    }
}

fn print_text(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if !text.is_empty() {
        stdout.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            writeln!(stdout)?;
        }
    }
    stdout.flush()
}

fn say_next(next: &[String]) {
    for next in next {
        let _ = writeln!(io::stderr(), "next: {next}");
    }
}

/// What could not be printed, nobody has read: unless the reader has closed the pipe since it had enough.
fn ended(printed: io::Result<()>, exit: Exit) -> Exit {
    match printed {
        Ok(()) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: failed to write to stdout: {error}");
            Exit::Failed
        }
    }
}
