//! What is worth knowing of a verified database, and no fault of it.

use std::fmt;

/// Something that [`verify`](crate::PgRowTables::verify) says beside its findings: it neither breaks the isolation nor a
/// statement of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PgNote {
    /// The application's role verified the database, and so what only the administrator sees was not judged: whether the
    /// administrator's connection acts as the role that owns the tables, and which migrations have not run.
    AdministratorUnseen {
        /// The administrator's role as the catalog has it, which is the owner of the declared tables. `None` if there are
        /// several.
        owner: Option<String>,
    },
    /// An index of a declared table that the application's queries cannot use for some operators: their function is not
    /// leakproof, so PostgreSQL compares the rows that the policy shows one by one.
    IndexUnusable {
        /// The index, as SQL spells it.
        index: String,
        /// The table, as SQL spells it.
        table: String,
        /// The operators, each with the types that it compares.
        operators: String,
    },
}

impl fmt::Display for PgNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AdministratorUnseen { owner } => {
                f.write_str("note: verified as the application, which cannot see which migrations have not run")?;
                match owner {
                    Some(owner) => write!(
                        f,
                        ", nor whether the administrator connects as {owner}, the owner of the tables"
                    ),
                    None => f.write_str(", nor who administers the tables, which have no single owner"),
                }
            }
            Self::IndexUnusable {
                index,
                table,
                operators,
            } => write!(
                f,
                "note: the index {index} of {table} is not used under row-level security by {operators}: the function is \
                not leakproof"
            ),
        }
    }
}
