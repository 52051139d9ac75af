//! Commands that run what is in the folder `proof`: sabotage, fuzzing, stress.

pub(crate) mod fuzz;
pub(crate) mod sabotage;
pub(crate) mod stress;
