//! A tenant's transaction against a query that nobody scopes, on sqlx's default pool.

mod beside;
mod files;
mod fleet;
mod floods;
mod growth;
mod neighbours;
mod postgres;
mod sign_up;
mod sqlite;

pub(crate) use files::group as files;
pub(crate) use fleet::group as fleet;
pub(crate) use floods::group as floods;
pub(crate) use growth::group as growth;
pub(crate) use neighbours::group as neighbours;
pub(crate) use postgres::group as postgres;
pub(crate) use sign_up::group as sign_up;
pub(crate) use sqlite::group as sqlite;

use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::ResolverName;

/// How many notes each tenant has, and how many tenants share the table.
const NOTES: i64 = 1_000;
const TENANTS: i64 = 20;

fn member(strategy: &str) -> Admitted {
    member_of(TenantRecord::new("t1".parse().unwrap(), strategy.parse().unwrap()))
}

fn member_of(record: TenantRecord) -> Admitted {
    Admitted::dangerously_assume(record, ResolverName::from_static("bench"), "alice".parse().unwrap())
}
