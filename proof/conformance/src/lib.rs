//! One set of tests for the adapters of all web frameworks: see `tests`.
