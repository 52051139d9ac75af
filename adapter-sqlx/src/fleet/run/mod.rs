//! Runs: begun, shared and resumed, and the work of one process on one of them.

mod begin;
mod ledger;
mod runner;
mod stored;
mod wave;
mod words;
mod work;
