//! What the hot path costs.
//!
//! Each module is a group of rows, and a row is one operation. Criterion measures a row by itself
//! (`cargo bench -p benches`); the report measures the rows of a group in turns and compares them
//! (`cargo xtask bench --report`).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot be set up fails"
)]

mod admission;
mod context;
mod fixture;
mod isolation;
mod layers;
mod measure;
mod report;
mod resolution;
mod scale;
mod tokens;

pub use measure::{Comparison, Group, Row};
pub use report::{Options, report, run_row};

/// A group's name, and what makes it.
pub type MakeGroup = (&'static str, fn() -> Group);

/// All groups, in the order of the report. A group is made when it is measured.
pub const GROUPS: [MakeGroup; 11] = [
    ("resolution", resolution::group),
    ("admission", admission::group),
    ("context", context::group),
    ("axum", layers::axum),
    ("poem", layers::poem),
    ("warp", layers::warp),
    ("tower", layers::tower),
    ("scale", scale::group),
    ("tokens", tokens::group),
    ("sqlite", isolation::sqlite),
    ("postgres", isolation::postgres),
];
