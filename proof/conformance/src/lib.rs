//! One set of tests for the adapters of all web frameworks: see `tests`.

/// The programs of the page on connections that stay open, which needs all frameworks.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/long-lived.md")]
mod long_lived {}
