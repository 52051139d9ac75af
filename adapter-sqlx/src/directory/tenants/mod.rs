//! Tenants and their names: how they are made, changed and given back.

pub(in crate::directory) mod change;
pub(in crate::directory) mod create;
pub(in crate::directory) mod creation_key;
pub(in crate::directory) mod entry;
pub(in crate::directory) mod provision_all;
pub(in crate::directory) mod quarantine;
pub(in crate::directory) mod upsert;
