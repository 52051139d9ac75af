//! The steps of `cargo xtask ci`.

use std::time::Duration;

use crate::bench::{self, peers};
use crate::check::{core_tree, error_texts, features, foreign, links, msrv, no_std, packages, public_api, words};
use crate::command::{Failure, cargo};
use crate::first_page;
use crate::proof::{fuzz, sabotage, stress};
use crate::tests;

/// How long each fuzz target runs here, in seconds. Long runs are made with `cargo xtask fuzz`.
const FUZZ_SECONDS: u32 = 5;

/// How long the stress runs here, besides the time to set up and to check. Long runs are made with `cargo xtask stress`.
const STRESS_MINUTES: &str = "0.35";

/// How long guards are taken out here, at most. All of them are by `cargo xtask sabotage`.
const SABOTAGE: Duration = Duration::from_secs(12 * 60);

/// What a whole run may take, on a slow machine too: guards are taken out in what is left of it.
const RUN: Duration = Duration::from_secs(60 * 60);

/// What is no member of this workspace, and has a lock file of its own.
const OWN_WORKSPACES: [&str; 3] = [no_std::MANIFEST, peers::MANIFEST, fuzz::MANIFEST];

/// One check of the whole project.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    Fmt,
    Lock,
    Links,
    Words,
    Msrv,
    Package,
    PublicApi,
    Clippy,
    Doc,
    Features,
    CoreTree,
    NoStd,
    Deny,
    Test,
    FirstPage,
    ForeignTokens,
    Bench,
    Sabotage,
    Fuzz,
    Stress,
}

impl Step {
    /// Cheap ones first. What takes the time that is left comes last.
    pub(crate) const ALL: [Self; 20] = [
        Self::Fmt,
        Self::Lock,
        Self::Links,
        Self::Words,
        Self::Msrv,
        Self::Package,
        Self::CoreTree,
        Self::NoStd,
        Self::Deny,
        Self::Clippy,
        Self::Features,
        Self::Doc,
        Self::PublicApi,
        Self::Test,
        Self::FirstPage,
        Self::ForeignTokens,
        Self::Bench,
        Self::Fuzz,
        Self::Stress,
        Self::Sabotage,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Lock => "lock",
            Self::Links => "links",
            Self::Words => "words",
            Self::Msrv => "msrv",
            Self::Package => "package",
            Self::PublicApi => "public-api",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Features => "features",
            Self::CoreTree => "core-tree",
            Self::NoStd => "no-std",
            Self::Deny => "deny",
            Self::Test => "test",
            Self::FirstPage => "first-page",
            Self::ForeignTokens => "foreign-tokens",
            Self::Bench => "bench",
            Self::Sabotage => "sabotage",
            Self::Fuzz => "fuzz",
            Self::Stress => "stress",
        }
    }

    pub(crate) const fn purpose(self) -> &'static str {
        match self {
            Self::Fmt => "the code is formatted",
            Self::Lock => "each lock file fits its manifests",
            Self::Links => "each link of a page, each path and each error text that it names, leads to something",
            Self::Words => "sources and pages use the words of the glossary",
            Self::Msrv => "no dependency needs a newer Rust than a library promises",
            Self::Package => "each crate makes a package with its licences, and without tests",
            Self::PublicApi => "the public API is as listed in proof/public-api",
            Self::Clippy => "no lint fires, with all features",
            Self::Doc => "the documentation builds without warnings",
            Self::Features => "each library builds with each of its features alone, and with none",
            Self::CoreTree => "the core depends on heapless, and nothing else",
            Self::NoStd => "the core links without std and without an allocator",
            Self::Deny => "licences, advisories and sources are allowed (where cargo-deny is installed)",
            Self::Test => "every test of the workspace passes",
            Self::FirstPage => "README's quick start does what it says, from an empty folder, on SQLite and PostgreSQL",
            Self::ForeignTokens => "tokens that another library signs come to what they should (where Python 3 is)",
            Self::Bench => "each row of the benches runs, and is counted",
            Self::Sabotage => {
                "a guard that is taken out is missed by its test (as many as the time allows, 12 minutes at most)"
            }
            Self::Fuzz => "no fuzz target finds anything within a few seconds",
            Self::Stress => "no invariant breaks within a few seconds of load, crashes and hostile statements",
        }
    }

    /// Runs it, so long after the first of the run has begun.
    pub(crate) fn run(self, elapsed: Duration) -> Result<(), Failure> {
        match self {
            Self::Fmt => {
                cargo(["fmt", "--all", "--check"]).run()?;
                OWN_WORKSPACES
                    .into_iter()
                    .try_for_each(|manifest| cargo(["fmt", "--manifest-path", manifest, "--check"]).run())
            }
            Self::Lock => OWN_WORKSPACES
                .into_iter()
                .chain(["Cargo.toml"])
                .try_for_each(|manifest| {
                    let read = cargo("metadata --locked --format-version 1 --manifest-path".split(' '));
                    read.args([manifest]).stdout().map(drop)
                }),
            Self::Clippy => {
                cargo("clippy --workspace --all-targets --all-features --locked -- -D warnings".split(' ')).run()
            }
            Self::Links => {
                links::check()?;
                error_texts::check()
            }
            Self::Words => words::check(),
            Self::Msrv => msrv::check(),
            Self::Package => packages::check(),
            Self::PublicApi => public_api::check(),
            Self::Doc => cargo("doc --workspace --all-features --no-deps --locked".split(' '))
                .env("RUSTDOCFLAGS", "-D warnings")
                .run(),
            Self::Features => features::check_each_alone(),
            Self::CoreTree => core_tree::check(),
            Self::NoStd => no_std::check(),
            Self::Deny => deny(),
            Self::Test => tests::run(&[]),
            Self::FirstPage => first_page::check(),
            Self::ForeignTokens => foreign::check(),
            Self::Bench => bench::check(),
            Self::Sabotage => sabotage::within(SABOTAGE.min(RUN.saturating_sub(elapsed))),
            Self::Fuzz => fuzz::run_all(FUZZ_SECONDS),
            Self::Stress => stress::check(STRESS_MINUTES),
        }
    }
}

/// cargo-deny does not come with Rust: without it the step says so and passes.
fn deny() -> Result<(), Failure> {
    let version = cargo(["deny", "--version"]).output()?;
    if version.status.success() {
        cargo(["deny", "--locked", "check"]).run()
    } else {
        println!("NOT CHECKED: cargo-deny is not installed (`cargo install cargo-deny --locked`)");
        Ok(())
    }
}
