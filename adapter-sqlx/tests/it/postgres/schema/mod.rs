//! The strategy `schema`.

mod outside;
mod schema;
mod schema_alone;
mod schema_cancel;
mod schema_provision;
mod schema_removal;
mod schema_steps;
mod search_path;
