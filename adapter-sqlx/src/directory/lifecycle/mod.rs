//! From one status to the next: the verbs, the places of a fenced database that follow them, and removal.

pub(in crate::directory) mod fenced_places;
pub(in crate::directory) mod places;
pub(in crate::directory) mod removal;
pub(in crate::directory) mod verbs;
