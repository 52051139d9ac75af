//! What the application may do with a table.

use std::fmt;

use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};

/// A right to rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::postgres) enum Right {
    Select,
    Insert,
    Update,
    Delete,
}

impl Right {
    /// The word of the SQL standard, in lower case.
    pub(in crate::postgres) const fn sql(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A right to all columns of a table, or to some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::postgres) struct Grant {
    pub(in crate::postgres) right: Right,
    /// Empty for all columns.
    pub(in crate::postgres) columns: Vec<PgIdentifier>,
}

/// The rights that the application has to a tenant's rows of one table. The default is to read, insert, update and
/// delete them.
///
/// A table that nobody has been granted anything on gets these rights when the strategy opens. From then on its grants
/// are yours: [`open`](crate::PgRowBuilder::open) neither grants nor revokes. A declared right that is missing is a
/// [`Notice`](crate::PgSeverity::Notice), and a right beyond the declared ones is [unsafe](crate::PgSeverity::Unsafe).
///
/// ```
/// use tenancy_sqlx::{PgTableGrants, PgTenantTable};
///
/// // Entries are written once.
/// let log = PgTenantTable::new("audit_log")?.with_grants(PgTableGrants::append_only());
///
/// // Only the text changes.
/// let editable = PgTableGrants::none().with_select().with_insert().with_update_of(["title", "body"])?;
/// let notes = PgTenantTable::new("notes")?.with_grants(editable);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgTableGrants {
    grants: Vec<Grant>,
}

/// All four rights, to all columns.
impl Default for PgTableGrants {
    fn default() -> Self {
        Self::none().with_select().with_insert().with_update().with_delete()
    }
}

impl PgTableGrants {
    /// No right at all: a table that only views and functions reach.
    #[must_use]
    pub const fn none() -> Self {
        Self { grants: Vec::new() }
    }

    /// Rows can be read, and nothing else.
    #[must_use]
    pub fn read_only() -> Self {
        Self::none().with_select()
    }

    /// Rows can be read and inserted, and are never changed or deleted.
    #[must_use]
    pub fn append_only() -> Self {
        Self::none().with_select().with_insert()
    }

    /// Adds `SELECT` on all columns.
    #[must_use]
    pub fn with_select(self) -> Self {
        self.with(Right::Select, Vec::new())
    }

    /// Adds `INSERT` into all columns.
    #[must_use]
    pub fn with_insert(self) -> Self {
        self.with(Right::Insert, Vec::new())
    }

    /// Adds `UPDATE` of all columns.
    #[must_use]
    pub fn with_update(self) -> Self {
        self.with(Right::Update, Vec::new())
    }

    /// Adds `DELETE`, which PostgreSQL grants for whole rows only.
    #[must_use]
    pub fn with_delete(self) -> Self {
        self.with(Right::Delete, Vec::new())
    }

    /// Adds `SELECT` on these columns.
    ///
    /// # Errors
    ///
    /// If the name of a column is not valid.
    pub fn with_select_of<'c>(self, columns: impl IntoIterator<Item = &'c str>) -> Result<Self, ParseIdentifierError> {
        Ok(self.with(Right::Select, parse(columns)?))
    }

    /// Adds `INSERT` into these columns. The tenant's column need not be one of them: it has a default.
    ///
    /// # Errors
    ///
    /// If the name of a column is not valid.
    pub fn with_insert_of<'c>(self, columns: impl IntoIterator<Item = &'c str>) -> Result<Self, ParseIdentifierError> {
        Ok(self.with(Right::Insert, parse(columns)?))
    }

    /// Adds `UPDATE` of these columns.
    ///
    /// # Errors
    ///
    /// If the name of a column is not valid.
    pub fn with_update_of<'c>(self, columns: impl IntoIterator<Item = &'c str>) -> Result<Self, ParseIdentifierError> {
        Ok(self.with(Right::Update, parse(columns)?))
    }

    fn with(mut self, right: Right, columns: Vec<PgIdentifier>) -> Self {
        let is_whole = columns.is_empty();
        match self.grants.iter_mut().find(|grant| grant.right == right) {
            // All columns include these.
            Some(grant) if grant.columns.is_empty() => {}
            Some(grant) if is_whole => grant.columns = columns,
            Some(grant) => grant.columns.extend(columns),
            None => self.grants.push(Grant { right, columns }),
        }
        self
    }

    pub(in crate::postgres) fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Whether rows can be inserted, and so whether sequences of defaults are needed.
    pub(in crate::postgres) fn inserts(&self) -> bool {
        self.grants.iter().any(|grant| grant.right == Right::Insert)
    }
}

/// An empty list would read as all columns, so it is refused.
fn parse<'c>(columns: impl IntoIterator<Item = &'c str>) -> Result<Vec<PgIdentifier>, ParseIdentifierError> {
    let columns: Vec<PgIdentifier> = columns.into_iter().map(str::parse).collect::<Result<_, _>>()?;
    if columns.is_empty() {
        Err(ParseIdentifierError::Empty)
    } else {
        Ok(columns)
    }
}

/// As `GRANT` spells it: `select, update ("title", "body")`.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.right.sql())?;
        if self.columns.is_empty() {
            return Ok(());
        }
        let columns: Vec<String> = self.columns.iter().map(ToString::to_string).collect();
        write!(f, " ({})", columns.join(", "))
    }
}

/// The list of rights as `GRANT` spells it. Empty if there are none.
impl fmt::Display for PgTableGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grants: Vec<String> = self.grants.iter().map(ToString::to_string).collect();
        f.write_str(&grants.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_spelled_as_sql_does() {
        assert_eq!(PgTableGrants::default().to_string(), "select, insert, update, delete");
        assert_eq!(PgTableGrants::append_only().to_string(), "select, insert");
        assert_eq!(PgTableGrants::none().to_string(), "");
        let some = PgTableGrants::read_only().with_update_of(["body", "a\"b"]).unwrap();
        assert_eq!(some.to_string(), r#"select, update ("body", "a""b")"#);
    }

    #[test]
    fn all_columns_include_some() {
        let body = PgTableGrants::none().with_update_of(["body"]).unwrap();
        assert_eq!(body.clone().with_update().to_string(), "update");
        assert_eq!(
            body.with_update_of(["title"]).unwrap().to_string(),
            r#"update ("body", "title")"#
        );
        let all = PgTableGrants::none().with_update();
        assert_eq!(all.with_update_of(["body"]).unwrap().to_string(), "update");
    }

    #[test]
    fn no_columns_are_not_all_columns() {
        let refused = PgTableGrants::none().with_update_of([]);
        assert_eq!(refused, Err(ParseIdentifierError::Empty));
    }
}
