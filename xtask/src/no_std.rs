//! Proof on a stable toolchain, without a bare-metal target, that the core needs neither std nor an allocator.
//!
//! `no-std-proof` is a `no_std` static library with a panic handler of its own. It drives every resolver and every
//! step, so that nothing is dropped as dead code. If any crate that it links brought std in, it would not compile,
//! since std has a panic handler too; the negative control shows that this is so.

use crate::command::{Failure, cargo, program, root};

/// The proof's manifest. It is a workspace of its own, since features of this one must not leak into it.
pub(crate) const MANIFEST: &str = "xtask/no-std-proof/Cargo.toml";

const TARGET: &str = "target/no-std-proof";
const ARCHIVE: &str = "target/no-std-proof/release/libno_std_proof.a";

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
    build().run()?;
    let symbols = program("nm").args([ARCHIVE]).stdout()?;
    if let Some(symbol) = symbols
        .lines()
        .find(|line| FORBIDDEN.iter().any(|part| line.contains(part)))
    {
        return Err(Failure::new(format!("the core links `{}`", symbol.trim())));
    }
    // A check of an empty archive would pass as well.
    for present in ["T prove_tenancy_core", "tenancy_core"] {
        if !symbols.contains(present) {
            return Err(Failure::new(format!("`{ARCHIVE}` has no symbol `{present}`")));
        }
    }
    link_and_run()?;
    negative_control()
}

fn build() -> crate::command::Invocation {
    cargo([
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        MANIFEST,
        "--target-dir",
        TARGET,
    ])
}

/// Links the library into a C program, with nothing of Rust's beside it, and lets it decide about requests.
fn link_and_run() -> Result<(), Failure> {
    let executable = format!("{TARGET}/proof");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    program(compiler)
        .args(["-o", &executable, "xtask/no-std-proof/main.c", ARCHIVE])
        .run()?;
    program(root().join(executable)).run()
}

/// Features that bring std in must break the build: otherwise the proof proves nothing.
fn negative_control() -> Result<(), Failure> {
    let output = build().args(["--features", "negative-control"]).output()?;
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
