//! What is looked at on one database and not on the other.

use sqlx::{Postgres, Sqlite};
use tenancy::Description;

use super::findings::{Checks, Verification};
use super::{postgres, sqlite};
use crate::output::Failure;
use crate::site::{Operated, Site};

/// How a database is looked at.
pub(crate) trait Checked: Operated {
    /// Looks at what only this database has. Returns whether what is described is there, so that it can be opened.
    async fn check(description: &Description<Self>, checks: &mut Checks) -> bool;

    /// Verifies that the tables keep tenants apart.
    async fn verify(site: &Site<'_>, description: &Description<Self>) -> Result<Verification, Failure>;
}

impl Checked for Sqlite {
    async fn check(description: &Description<Self>, checks: &mut Checks) -> bool {
        sqlite::check(description, checks)
    }

    async fn verify(site: &Site<'_>, _: &Description<Self>) -> Result<Verification, Failure> {
        sqlite::verify(site).await
    }
}

impl Checked for Postgres {
    async fn check(description: &Description<Self>, checks: &mut Checks) -> bool {
        postgres::check(description, checks).await;
        true
    }

    async fn verify(_: &Site<'_>, description: &Description<Self>) -> Result<Verification, Failure> {
        postgres::verify(description).await
    }
}
