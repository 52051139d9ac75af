//! The fence of a SQLite file: the table of places, and a trigger that looks at it where a tenant is bound.

mod install;
mod place;
mod refusal;

pub(in crate::sqlite) use install::{IS_FENCED, create_trigger, enable, is_fenced, require};
pub(in crate::sqlite) use place::{change, read, read_all};
pub(in crate::sqlite) use refusal::{FenceWatch, fenced, is_refusal};
