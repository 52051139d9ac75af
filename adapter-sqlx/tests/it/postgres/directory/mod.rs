//! The directory of tenants, and its feed of changes.

mod changes;
mod changes_names;
mod creation;
mod directory;
mod directory_open;
mod directory_waits;
mod directory_writes;
mod lifecycle;
mod settings;
