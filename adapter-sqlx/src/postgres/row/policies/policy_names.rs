//! The names of the three policies of a declared table.

/// Lets the application's roles in.
pub(in crate::postgres::row) const APPLICATION: &str = "tenancy_application";
/// Lets the administrator in.
pub(in crate::postgres::row) const ADMINISTRATOR: &str = "tenancy_administrator";
/// Keeps the application's roles within the tenant.
pub(in crate::postgres::row) const TENANT: &str = "tenancy_tenant";
