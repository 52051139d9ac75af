//! Each program prints what its first lines say, is small, and stands in both lists.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::ops::RangeInclusive;
use std::process::Command;

/// What small is, in lines.
const SMALL: RangeInclusive<usize> = 20..=80;

fn check(name: &str, program: &str, source: &str) {
    let says: Vec<&str> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim_start)
        .skip_while(|line| *line != "```text")
        .skip(1)
        .take_while(|line| *line != "```")
        .collect();
    assert!(!says.is_empty(), "{name} does not say what it prints");
    let output = Command::new(program).output().expect(name);
    let (printed, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{name}: {printed}{errors}");
    let printed: Vec<&str> = printed.lines().collect();
    assert_eq!(printed, says, "{name}");
    for page in [
        include_str!("../../../README.md"),
        include_str!("../../../docs/examples.md"),
    ] {
        assert!(
            page.contains(&format!("examples/small/src/bin/{name}.rs")),
            "a page does not list {name}"
        );
    }
    let lines = source.lines().count();
    assert!(SMALL.contains(&lines), "{name} has {lines} lines");
}

macro_rules! programs {
    ($($test:ident $name:literal;)*) => {$(
        #[test]
        fn $test() {
            check($name, env!(concat!("CARGO_BIN_EXE_", $name)), include_str!(concat!("../src/bin/", $name, ".rs")));
        }
    )*

    /// None is left out.
    #[test]
    fn each_program_is_run() {
        let mut files: Vec<String> = std::fs::read_dir("src/bin")
            .expect("the programs")
            .map(|file| file.expect("a program").file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        assert_eq!(files, [$(concat!($name, ".rs")),*]);
    }};
}

programs! {
    jobs "jobs";
    own_authentication "own-authentication";
    own_resolver "own-resolver";
    rows "rows";
    sign_up "sign-up";
    two_strategies "two-strategies";
    worker "worker";
}
