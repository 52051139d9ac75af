//! What a command says: data on stdout, all else on stderr, and how it ends.

mod answer;
mod exit;
mod failure;
mod failures;
mod progress;
mod prompt;
mod table;
mod text;

pub(crate) use answer::{Answer, Output};
pub(crate) use exit::Exit;
pub(crate) use failure::{Failure, Next};
pub(crate) use progress::Progress;
pub(crate) use prompt::{confirm_id, confirm_many};
pub(crate) use table::Table;
pub(crate) use text::{chain, printable, time};
