//! A folder whose files are in memory: what tests write need not survive the machine.

use std::env;
use std::path::Path;

use crate::command::free_in;

/// Where temporary files go, if the user says so.
pub(crate) const TEMPORARY: &str = "TMPDIR";

/// Linux has one.
const FOLDER: &str = "/dev/shm";

/// The folder, where so many bytes are free in it. Nothing where the user has chosen a folder, or where there is little room, as in a
/// container.
pub(crate) fn folder(least: u64) -> Option<&'static Path> {
    if env::var_os(TEMPORARY).is_some() {
        return None;
    }
    let folder = Path::new(FOLDER);
    (free_in(folder)? >= least && tempfile::tempfile_in(folder).is_ok()).then_some(folder)
}
