//! Why the tables of a shared file are refused.

use thiserror::Error;

/// Why the tables of a shared file would not keep tenants apart.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum UnsafeSchema {
    /// The base table is not there.
    #[error("no table `{table}`")]
    NoTable {
        /// The base table.
        table: String,
    },
    /// A table or view already has the name under which a tenant should see its rows.
    #[error("the name `{name}` is taken by a table or view: rename it, queries would not see the tenant's rows only")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The tenant's column is missing, may be null, or holds no text. `7` and `007` are two
    /// tenants, and one number.
    #[error("the column `{column}` of `{table}` must exist and be `TEXT NOT NULL`")]
    TenantColumn {
        /// The base table.
        table: String,
        /// The tenant's column.
        column: String,
    },
    /// There is no primary key, or a key holds across tenants: it tells one tenant which values
    /// another has, and `INSERT OR REPLACE` would replace a foreign row.
    #[error("the {key} of `{table}` must contain the column `{column}`")]
    KeyWithoutTenant {
        /// The base table.
        table: String,
        /// The key: `primary key`, or an index.
        key: String,
        /// The tenant's column.
        column: String,
    },
    /// A foreign key that can point to a foreign row.
    #[error("the foreign key from `{table}` to `{parent}` must pair their tenant columns")]
    ForeignKeyWithoutTenant {
        /// The base table.
        table: String,
        /// The table that the key points to.
        parent: String,
    },
    /// A foreign key whose action reaches further than the tenant: it deletes or changes rows of all
    /// tenants, or moves a row to another.
    #[error("the foreign key from `{table}` to `{parent}` has an action that reaches other tenants' rows")]
    ForeignKeyAction {
        /// The base table.
        table: String,
        /// The table that the key points to.
        parent: String,
    },
    /// A table or view with a tenant's column that is not declared: nothing would filter it.
    #[error("`{name}` has a column `{column}` and is not declared: nothing would filter it")]
    Undeclared {
        /// The table or view.
        name: String,
        /// The tenant's column.
        column: String,
    },
    /// A view or virtual table over a base table: nothing would filter it.
    #[error("the view or virtual table `{view}` reads from `{table}`: nothing would filter it")]
    LeakingView {
        /// The view.
        view: String,
        /// The base table.
        table: String,
    },
    /// A trigger that carries tenants' rows into a table that nobody declared: a full-text index, an audit
    /// table, a queue. Every tenant could read there what another has written.
    #[error(
        "the trigger `{trigger}` carries rows of `{table}` into `{target}`, which is not declared: nothing would \
         filter it. give `{target}` the tenant's column and declare it"
    )]
    LeakingTrigger {
        /// The trigger.
        trigger: String,
        /// The base table.
        table: String,
        /// The table or virtual table that the trigger writes to.
        target: String,
    },
}
