//! The browser that one test drives, installed where it is missing and that is possible.

use std::env;

use crate::command::install;

const PROGRAM: &str = "chromedriver";

const ADVICE: &str = "install Chromium and its driver (Debian: `apt-get install chromium chromium-driver`)";

/// Without it the test is left out, and fails in CI.
pub(crate) fn install_where_possible() {
    let path = env::var_os("PATH").unwrap_or_default();
    let of_a_runner = env::var_os("CHROMEWEBDRIVER").map(Into::into);
    if env::split_paths(&path)
        .chain(of_a_runner)
        .any(|folder| folder.join(PROGRAM).is_file())
    {
        return;
    }
    if let Err(failure) = install(&["chromium", "chromium-driver"], ADVICE) {
        println!("NOT INSTALLED, so the page of `notes` is not tested in a browser: {failure}");
    }
}
