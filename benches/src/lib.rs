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
mod count;
mod fixture;
mod isolation;
mod layers;
mod many;
mod measure;
mod plot;
mod report;
mod resolution;
mod sockets;
mod threads;
mod tokens;

pub use count::{Counted, count_rows};
pub use measure::{Comparison, Group, Row};
pub use plot::{Plot, Unit};
pub use report::{Options, Report, report, report_on, run_row};

// What the peers are measured with.
pub use fixture::{chain, claims, directory, header, named, nameless, names, path, subdomain};
pub use layers::{known, tenancy};

/// A group's name, and what makes it.
pub type MakeGroup = (&'static str, fn(Options) -> Group);

/// All groups, in the order of the report. A group is made when it is measured.
pub const GROUPS: [MakeGroup; 19] = [
    ("resolution", |_| resolution::group()),
    ("admission", |_| admission::group()),
    ("context", |_| context::group()),
    ("axum", |_| layers::axum()),
    ("poem", |_| layers::poem()),
    ("warp", |_| layers::warp()),
    ("tower", |_| layers::tower()),
    ("sockets", |_| sockets::group()),
    ("many tenants", many::group),
    ("threads", |_| threads::group()),
    ("tokens", |_| tokens::group()),
    ("sqlite", |_| isolation::sqlite()),
    ("postgres", |_| isolation::postgres()),
    ("a closed tenant", |_| isolation::neighbours()),
    ("one tenant's flood", |_| isolation::floods()),
    ("sign-up", |_| isolation::sign_up()),
    ("sqlite tenants", |options| isolation::files(options.tenants)),
    ("postgres tenants", |options| isolation::growth(options.tenants)),
    ("fleet", |options| isolation::fleet(options.tenants)),
];
