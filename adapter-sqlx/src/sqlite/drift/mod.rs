//! The catalogs of tenants' files, read for a comparison.

mod definition;
mod files;
mod reader;
