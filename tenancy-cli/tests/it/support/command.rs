//! A command that runs, and what came of it.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// `None` if it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// The one document on stdout.
    pub(crate) fn document(&self) -> Value {
        let lines: Vec<&str> = self.stdout.lines().collect();
        assert_eq!(lines.len(), 1, "one document is expected: {self:?}");
        let document: Value = serde_json::from_str(lines[0]).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert_eq!(document["v"], 1, "{self:?}");
        assert_eq!(document["ok"], self.code == Some(0), "{self:?}");
        assert!(document["next"].is_array(), "{self:?}");
        document
    }

    /// The same, ended so.
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// A command that was started.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(child.spawn().expect("the binary starts"))
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("the process is ours");
    }

    pub(crate) fn interrupt(&self) {
        let id = i32::try_from(self.0.id()).unwrap();
        let process = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    pub(crate) fn stdout(&mut self) -> std::process::ChildStdout {
        self.0.stdout.take().unwrap()
    }

    pub(crate) fn wait(self) -> Done {
        let output = self.0.wait_with_output().expect("the process is ours");
        Done {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// Runs a command without a terminal, with this on stdin.
pub(crate) fn piped(command: &mut Command, input: &str) -> Done {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = child.spawn().expect("the binary starts");
    // One that does not read it may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Running(child).wait()
}
