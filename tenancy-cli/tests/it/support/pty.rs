//! A command on a terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, OutputModes, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use super::Done;

/// Runs a command of which stdin, stdout and stderr are a terminal on which this is typed. What it prints is in `stdout`.
pub(super) fn on_terminal(command: &mut Command, typed: &str) -> Done {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal: OwnedFd = OpenOptions::new().read(true).write(true).open(name).unwrap().into();
    // What is typed is not printed, and lines end as the command ends them.
    let mut modes = tcgetattr(&terminal).unwrap();
    modes.local_modes.remove(LocalModes::ECHO);
    modes.output_modes.remove(OutputModes::OPOST);
    tcsetattr(&terminal, OptionalActions::Now, &modes).unwrap();
    // Nothing is drawn where there is no room.
    let size = Winsize {
        ws_row: 24,
        ws_col: 200,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    command
        .stdin(Stdio::from(terminal.try_clone().unwrap()))
        .stdout(Stdio::from(terminal.try_clone().unwrap()))
        .stderr(Stdio::from(terminal));
    let mut child = command.spawn().expect("the binary starts");
    // The command still has this process's copies of the terminal.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut controller = File::from(controller);
    controller.write_all(typed.as_bytes()).unwrap();
    let mut printed = Vec::new();
    // It fails, and has read everything, once nobody has the terminal open.
    let _ = controller.read_to_end(&mut printed);
    let status = child.wait().unwrap();
    Done {
        code: status.code(),
        stdout: String::from_utf8(printed).unwrap(),
        stderr: String::new(),
    }
}
