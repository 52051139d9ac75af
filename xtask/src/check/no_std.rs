//! Proof on a stable toolchain, without a bare-metal target, that the core needs neither std nor an allocator.
//!
//! `no-std-proof` is a `no_std` static library with a panic handler of its own. It drives every resolver and every
//! step, so that nothing is dropped as dead code. If any crate that it links brought std in, it would not compile,
//! since std has a panic handler too; the negative control shows that this is so.

use std::path::Path;

use crate::command::{Failure, Invocation, cargo, program, target};

/// The proof's manifest. It is a workspace of its own, since features of this one must not leak into it.
pub(crate) const MANIFEST: &str = "xtask/no-std-proof/Cargo.toml";

/// In the target directory.
const TARGET: &str = "no-std-proof";
const ARCHIVE: &str = "no-std-proof/release/libno_std_proof.a";

/// Parts of mangled names (legacy and v0) that only std and an allocator have.
const FORBIDDEN: [&str; 7] = [
    "__rust_alloc",
    "__rust_dealloc",
    "__rust_realloc",
    "__rdl_",
    "_ZN3std",
    "_3std",
    "_ZN5alloc",
];

pub(crate) fn check() -> Result<(), Failure> {
    build()?.run()?;
    let archive = target(ARCHIVE)?;
    let symbols = program("nm").args([&archive]).stdout()?;
    if let Some(symbol) = symbols
        .lines()
        .find(|line| FORBIDDEN.iter().any(|part| line.contains(part)))
    {
        return Err(Failure::new(format!("the core links `{}`", symbol.trim())));
    }
    // A check of an empty archive would pass as well.
    for present in ["T prove_tenancy_core", "tenancy_core"] {
        if !symbols.contains(present) {
            return Err(Failure::new(format!(
                "`{}` has no symbol `{present}`",
                archive.display()
            )));
        }
    }
    link_and_run()?;
    negative_control()
}

fn build() -> Result<Invocation, Failure> {
    let build = cargo("build --release --locked --manifest-path".split(' ')).args([MANIFEST]);
    Ok(build.args([Path::new("--target-dir"), &target(TARGET)?]))
}

/// Links the library into a C program, with nothing of Rust's beside it, and lets it decide about requests.
fn link_and_run() -> Result<(), Failure> {
    let executable = target(TARGET)?.join("proof");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    program(compiler)
        .args(["-o".as_ref(), executable.as_path()])
        .args(["xtask/no-std-proof/main.c".as_ref(), target(ARCHIVE)?.as_path()])
        .run()?;
    program(executable).run()
}

/// Features that bring std in must break the build: otherwise the proof proves nothing.
fn negative_control() -> Result<(), Failure> {
    let output = build()?.args(["--features", "negative-control"]).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && errors.contains("E0152") {
        println!("refused with E0152, as it should be");
        Ok(())
    } else {
        Err(Failure::new(format!(
            "the negative control must fail with E0152, and ended with {}: {errors}",
            output.status
        )))
    }
}
