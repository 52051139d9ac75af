//! The drift of tenants' catalogs: what is found, and what is not.

mod built;
mod class_cases;
mod classes;
mod databases;
mod reference;
mod support;
