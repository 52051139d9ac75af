//! The commands about tenants.

mod create;
mod delete;
mod lead;
mod list;
mod rename;
mod select;
mod show;

pub(crate) use create::create;
pub(crate) use delete::delete;
pub(crate) use lead::lead;
pub(crate) use list::list;
pub(crate) use rename::rename;
pub(crate) use select::next_page;
pub(crate) use show::show;
