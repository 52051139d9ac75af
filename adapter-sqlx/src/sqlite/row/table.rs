//! Which tables hold tenants' rows.

use thiserror::Error;

/// A table that holds rows of many tenants, and the name under which a tenant sees its own.
///
/// The base table has another name than the one that queries use: `notes_rows` holds the rows,
/// `notes` is what a transaction sees of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantTable {
    view: String,
    base: String,
    tenant_column: String,
}

impl TenantTable {
    /// The tenant's column unless another is named.
    pub const TENANT_COLUMN: &'static str = "tenant_id";

    /// A table whose rows queries see as `view`, and that is itself named `base`.
    ///
    /// # Errors
    ///
    /// Unless both are 1 to 63 letters, digits and `_`, not starting with a digit, with `sqlite_` or
    /// with `tenancy_`, and different in more than case.
    pub fn new(view: &str, base: &str) -> Result<Self, TenantTableError> {
        if view.eq_ignore_ascii_case(base) {
            return Err(TenantTableError::SameName);
        }
        Ok(Self {
            view: parse(view)?,
            base: parse(base)?,
            tenant_column: Self::TENANT_COLUMN.to_owned(),
        })
    }

    /// Names the column that holds the tenant's id. The default is `tenant_id`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_tenant_column(self, column: &str) -> Result<Self, TenantTableError> {
        Ok(Self {
            tenant_column: parse(column)?,
            ..self
        })
    }

    /// The name that queries use.
    #[must_use]
    pub fn view(&self) -> &str {
        &self.view
    }

    /// The name of the table itself.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The column that holds the tenant's id.
    #[must_use]
    pub fn tenant_column(&self) -> &str {
        &self.tenant_column
    }
}

fn parse(name: &str) -> Result<String, TenantTableError> {
    let starts_with = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let is_identifier = !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    if !is_identifier || starts_with("sqlite_") || starts_with("tenancy_") {
        return Err(TenantTableError::Name);
    }
    Ok(name.to_owned())
}

/// Why a declaration of a table is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TenantTableError {
    /// A name that is no plain identifier, or that is reserved.
    #[error(
        "a table or column is named by 1 to 63 letters, digits and `_`, not starting with a digit, `sqlite_` or `tenancy_`"
    )]
    Name,
    /// The base table has the name that queries use, so that nothing would filter it.
    #[error("the base table must have another name than the one that queries use")]
    SameName,
}
