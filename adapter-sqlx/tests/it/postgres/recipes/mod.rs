//! The recipes of `docs/postgresql.md`, run as they stand there.

mod backup;
mod page;
mod rows;
mod schemas;
mod upserts;
