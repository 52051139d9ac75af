//! The members of a tenant, page by page.

use std::sync::Arc;

use tenancy_core::directory::Member;
use tenancy_core::names::{Subject, TenantId};

use super::page::{Page, PageRequest};
use crate::directory::error::DirectoryError;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries};
use crate::directory::store::rows::roles_of;

/// No subject is empty, so each membership is greater than the one of two empty texts.
pub(in crate::directory) const MEMBERS: &str = "select subject, issuer, roles from tenancy_members
     where tenant = $1 and (subject, issuer) > ($2, $3) order by subject, issuer limit $4";

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// The members of a tenant, by subject and then by issuer. A member's roles do not matter as a key. There are none
    /// if there is no such tenant.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn members(
        &self,
        id: &TenantId,
        request: &PageRequest<Member>,
    ) -> Result<Page<Member, Member>, DirectoryError> {
        let values = [
            id.as_str().into(),
            request.key().map(Member::subject).map_or("", Subject::as_str).into(),
            request.key().and_then(Member::issuer).unwrap_or_default().into(),
            request.rows().into(),
        ];
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, MEMBERS, &values).await?;
        let members = rows.iter().map(member::<DB>).collect::<Result<_, _>>()?;
        Ok(request.page(members, Member::clone))
    }
}

fn member<DB: Queries>(row: &DB::Row) -> Result<Member, DirectoryError> {
    let subject = DB::text(row, "subject")?.unwrap_or_default();
    let subject: Subject = subject.parse().map_err(|source| DirectoryError::Corrupt {
        column: "subject",
        source,
    })?;
    let member = Member::new(subject).with_roles(roles_of::<DB>(row)?);
    // The empty text stands for any issuer.
    let issuer = DB::text(row, "issuer")?.filter(|issuer| !issuer.is_empty());
    Ok(match issuer {
        Some(issuer) => member.with_issuer(Arc::from(issuer)),
        None => member,
    })
}
