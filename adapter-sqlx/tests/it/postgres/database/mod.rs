//! The strategy `database`.

mod database;
mod database_direct;
mod database_provision;
mod database_template;
