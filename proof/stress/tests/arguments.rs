//! The program without a server: what it is asked for is looked at first.

use std::process::Command;

#[test]
fn a_part_that_it_does_not_have_is_refused_before_anything_is_connected() {
    let stress = env!("CARGO_BIN_EXE_stress");
    let output = Command::new(stress)
        .args(["--server", "postgres://127.0.0.1:1/", "everything"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["everything", "isolation", "cache", "directory", "failover", "clock"] {
        assert!(said.contains(part), "{said}");
    }
}
