//! Stands in.
fn main() {}
