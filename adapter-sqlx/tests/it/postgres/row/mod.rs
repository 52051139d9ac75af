//! The strategy `row`: what it promises, how it opens, how tables are adopted.

mod adopt;
mod column_types;
mod identifiers;
mod odd_shapes;
mod open;
mod open_grants;
mod open_migrations;
mod open_odd;
mod open_roles;
mod row;
