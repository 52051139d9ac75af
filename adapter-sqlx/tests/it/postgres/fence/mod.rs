//! The fence: what a tenant's place lets begin, and how it follows the directory.

mod interleavings;
mod kept_connections;
mod mismatch;
mod neighbours;
mod operators;
mod places;
mod reach;
mod table;
