//! A page as a reader follows it: files to write, functions of a shell, and commands.

use crate::command::Failure;

/// A part of a page.
#[derive(Clone, Copy)]
pub(super) struct Section<'p>(&'p str);

/// What the page tells a reader to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Write a file.
    Write { name: String, text: String },
    /// Define functions in the shell.
    Define(String),
    /// Run a command.
    Command(String),
    /// Send a request, which is answered by this status, and this body where the page shows one.
    Request {
        command: String,
        status: u16,
        body: Option<String>,
    },
}

impl Step {
    pub(super) const fn is_request(&self) -> bool {
        matches!(self, Self::Request { .. })
    }

    pub(super) const fn status(&self) -> Option<u16> {
        match self {
            Self::Request { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl<'p> Section<'p> {
    /// What stands below a heading, up to the next of its level.
    pub(super) fn of(page: &'p str, heading: &str) -> Result<Self, Failure> {
        let (_, below) = page
            .split_once(&format!("\n{heading}\n"))
            .ok_or_else(|| Failure::new(format!("the page has no `{heading}`")))?;
        Ok(Self(below.split_once("\n## ").map_or(below, |(section, _)| section)))
    }

    /// What stands before a heading, and below it.
    pub(super) fn split(self, heading: &str) -> Result<(Self, Self), Failure> {
        let (before, below) = self
            .0
            .split_once(&format!("\n{heading}\n"))
            .ok_or_else(|| Failure::new(format!("the page has no `{heading}`")))?;
        Ok((Self(before), Self(below)))
    }

    /// What to do, in order.
    pub(super) fn steps(self) -> Result<Vec<Step>, Failure> {
        let mut steps = Vec::new();
        let mut name: Option<&str> = None;
        let mut lines = self.0.lines();
        while let Some(line) = lines.next() {
            if let Some(language) = line.strip_prefix("```") {
                let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
                match (language, name.take()) {
                    ("console", _) => steps.extend(commands(&block)?),
                    ("sh", _) => steps.push(Step::Define(block.join("\n"))),
                    (_, Some(name)) => steps.push(Step::Write {
                        name: name.to_owned(),
                        text: block.join("\n") + "\n",
                    }),
                    _ => {}
                }
            } else if !line.is_empty() {
                // A line of nothing but a path says what file the next block is.
                name = line.strip_prefix('`').and_then(|line| line.strip_suffix('`'));
            }
        }
        Ok(steps)
    }
}

/// The commands of a block: lines that begin with `$`, with those that go on after a `\`.
fn commands(block: &[&str]) -> Result<Vec<Step>, Failure> {
    let mut commands: Vec<String> = Vec::new();
    for line in block {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push(command.to_owned()),
            (None, Some(last)) if last.ends_with('\\') => {
                last.pop();
                last.push_str(line.trim_start());
            }
            _ => return Err(Failure::new(format!("this line of the page is no command: {line}"))),
        }
    }
    commands.into_iter().map(step).collect()
}

fn step(command: String) -> Result<Step, Failure> {
    if !command.starts_with("curl ") {
        return Ok(Step::Command(command));
    }
    let promised = command.rsplit_once(" # ").and_then(|(command, answer)| {
        let (status, body) = match answer.split_once(": ") {
            Some((status, "nothing")) => (status, Some(String::new())),
            Some((status, body)) => (status, Some(body.to_owned())),
            None => (answer, None),
        };
        let status = status.parse().ok()?;
        Some(Step::Request {
            command: command.to_owned(),
            status,
            body,
        })
    });
    promised.ok_or_else(|| Failure::new(format!("the page does not say what is answered: {command}")))
}

#[cfg(test)]
mod tests {
    use super::{Section, Step};

    const PAGE: &str = "# A\n\n## Start\n\nText.\n\n`src/main.rs`\n\n```rust\nfn main() {}\n```\n\n```console\n$ a b \\\n    c\n$ d\n```\n\
        \n```sh\nf() { g; }\n```\n\n```console\n$ curl x # 200: hello\n$ curl y # 200: nothing\n$ curl z # 401\n```\n\n```rust\nno file\n```\n\
        \n### Then\n\n```console\n$ e\n```\n\n## End\n\n```console\n$ never\n```\n";

    #[test]
    fn a_page_is_followed_in_its_order() {
        let (first, then) = Section::of(PAGE, "## Start").unwrap().split("### Then").unwrap();
        let request = |command: &str, status, body: Option<&str>| Step::Request {
            command: command.to_owned(),
            status,
            body: body.map(str::to_owned),
        };
        assert_eq!(
            first.steps().unwrap(),
            [
                Step::Write {
                    name: "src/main.rs".to_owned(),
                    text: "fn main() {}\n".to_owned()
                },
                Step::Command("a b c".to_owned()),
                Step::Command("d".to_owned()),
                Step::Define("f() { g; }".to_owned()),
                request("curl x", 200, Some("hello")),
                request("curl y", 200, Some("")),
                request("curl z", 401, None),
            ]
        );
        assert_eq!(then.steps().unwrap(), [Step::Command("e".to_owned())]);
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        assert!(Section::of(PAGE, "## Middle").is_err());
        for block in ["$ curl x", "$ curl x # soon", "printed"] {
            let page = format!("\n## Start\n\n```console\n{block}\n```\n");
            assert!(Section::of(&page, "## Start").unwrap().steps().is_err(), "{block}");
        }
    }
}
