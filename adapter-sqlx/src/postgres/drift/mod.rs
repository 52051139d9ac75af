//! The catalogs of tenants' schemas and databases, read for a comparison.

mod build;
mod code;
mod database;
mod ledger;
mod parts;
mod question;
mod reader;
mod relations;
mod schema;
mod whole_database;
