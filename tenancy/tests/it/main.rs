//! The facade: files that are opened, and files that are refused.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[cfg(all(feature = "axum", feature = "jwt", feature = "postgres", feature = "sqlite"))]
mod all {
    mod alone;
    mod bad_databases;
    mod bad_files;
    mod bad_rows;
    #[cfg(all(feature = "poem", feature = "warp"))]
    mod impersonation;
    mod long_lived;
    mod pages;
    mod parts;
    mod pasted;
    mod postgres;
    mod sqlite;
    mod support;
}
