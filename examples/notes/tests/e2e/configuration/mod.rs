//! Which configurations start, and what is said of those that do not.

mod file;
mod tenants;
mod tokens;
