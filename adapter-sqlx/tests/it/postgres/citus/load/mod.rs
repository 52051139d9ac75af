//! Many clients, and many services, at the same time.

mod changing;
mod clients;
mod pooler;
mod processes;
