//! The proof, against the live catalog, that the declared tables keep tenants apart.

use sqlx::{Row, SqliteConnection};
use thiserror::Error;

use super::table::TenantTable;

/// Why the tables of a shared file would not keep tenants apart.
#[derive(Debug, Error)]
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
}

/// Why the catalog could not be read, or what is wrong with it.
#[derive(Debug, Error)]
pub(super) enum CatalogError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Unsafe(#[from] UnsafeSchema),
}

/// A column of a base table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) default: Option<String>,
    pub(super) is_generated: bool,
    /// The position in the primary key, from 1; 0 outside it.
    pub(super) key_position: i64,
    declared_type: String,
    pub(super) is_not_null: bool,
}

/// A base table as the catalog has it.
#[derive(Clone, Debug)]
pub(super) struct BaseTable {
    pub(super) table: TenantTable,
    pub(super) columns: Vec<Column>,
}

impl BaseTable {
    pub(super) fn is_tenant_column(&self, name: &str) -> bool {
        self.table.tenant_column().eq_ignore_ascii_case(name)
    }

    pub(super) fn key(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.key_position > 0)
    }
}

/// Reads the declared tables, and refuses a schema that would not keep tenants apart.
pub(super) async fn prove(
    connection: &mut SqliteConnection,
    tables: &[TenantTable],
) -> Result<Vec<BaseTable>, CatalogError> {
    let mut proved = Vec::with_capacity(tables.len());
    for table in tables {
        let base = read(connection, table).await?;
        prove_columns(&base)?;
        prove_indexes(connection, &base).await?;
        proved.push(base);
    }
    for base in &proved {
        prove_foreign_keys(connection, base, &proved).await?;
        prove_nothing_else_shows(connection, base).await?;
    }
    // Without declarations this is no row strategy's file, or `open` asks by itself.
    if !tables.is_empty() {
        prove_all_declared(connection, tables).await?;
    }
    Ok(proved)
}

async fn read(connection: &mut SqliteConnection, table: &TenantTable) -> Result<BaseTable, CatalogError> {
    let exists = "select exists (select 1 from main.sqlite_schema where type = 'table' and lower(name) = lower(?))";
    if !sqlx::query_scalar(exists)
        .bind(table.base())
        .fetch_one(&mut *connection)
        .await?
    {
        let table = table.base().to_owned();
        return Err(UnsafeSchema::NoTable { table }.into());
    }
    let rows = sqlx::query(
        r#"select name, type, "notnull", dflt_value, pk, hidden from pragma_table_xinfo(?, 'main') where hidden <> 1"#,
    )
    .bind(table.base())
    .fetch_all(connection)
    .await?;
    let column = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Column {
            name: row.try_get("name")?,
            declared_type: row.try_get("type")?,
            is_not_null: row.try_get("notnull")?,
            default: row.try_get("dflt_value")?,
            key_position: row.try_get("pk")?,
            is_generated: row.try_get::<i64, _>("hidden")? != 0,
        })
    };
    Ok(BaseTable {
        table: table.clone(),
        columns: rows.iter().map(column).collect::<Result<_, sqlx::Error>>()?,
    })
}

fn prove_columns(base: &BaseTable) -> Result<(), UnsafeSchema> {
    let table = || base.table.base().to_owned();
    let column = || base.table.tenant_column().to_owned();
    let is_fit =
        |column: &Column| column.is_not_null && !column.is_generated && has_text_affinity(&column.declared_type);
    let tenant = base.columns.iter().find(|column| base.is_tenant_column(&column.name));
    if !tenant.is_some_and(is_fit) {
        return Err(UnsafeSchema::TenantColumn {
            table: table(),
            column: column(),
        });
    }
    if !base.key().any(|key| base.is_tenant_column(&key.name)) {
        return Err(UnsafeSchema::KeyWithoutTenant {
            table: table(),
            key: "primary key".to_owned(),
            column: column(),
        });
    }
    Ok(())
}

/// The rules of <https://sqlite.org/datatype3.html> §3.1. Another affinity compares numbers.
fn has_text_affinity(declared_type: &str) -> bool {
    let declared_type = declared_type.to_ascii_uppercase();
    !declared_type.contains("INT") && ["CHAR", "CLOB", "TEXT"].iter().any(|text| declared_type.contains(text))
}

async fn prove_indexes(connection: &mut SqliteConnection, base: &BaseTable) -> Result<(), CatalogError> {
    let without_tenant: Option<String> = sqlx::query_scalar(
        r#"select i.name from pragma_index_list(?1, 'main') i where i."unique" and not exists (
             select 1 from pragma_index_xinfo(i.name, 'main') c where c."key" and lower(c.name) = lower(?2))"#,
    )
    .bind(base.table.base())
    .bind(base.table.tenant_column())
    .fetch_optional(connection)
    .await?;
    match without_tenant {
        None => Ok(()),
        Some(index) => Err(UnsafeSchema::KeyWithoutTenant {
            table: base.table.base().to_owned(),
            key: format!("unique index `{index}`"),
            column: base.table.tenant_column().to_owned(),
        }
        .into()),
    }
}

async fn prove_foreign_keys(
    connection: &mut SqliteConnection,
    base: &BaseTable,
    all: &[BaseTable],
) -> Result<(), CatalogError> {
    let rows = sqlx::query(
        r#"select id, seq, "table", "from", "to", on_delete, on_update from pragma_foreign_key_list(?, 'main') order by id, seq"#,
    )
    .bind(base.table.base())
    .fetch_all(connection)
    .await?;
    // By the key's id: the parent, and whether a pair of its columns is the tenants'.
    let mut keys: Vec<(i64, &BaseTable, bool)> = Vec::new();
    for row in &rows {
        let name: String = row.try_get("table")?;
        let parent = all.iter().find(|other| other.table.base().eq_ignore_ascii_case(&name));
        for action in [row.try_get::<String, _>("on_delete")?, row.try_get("on_update")?] {
            // The rows of an undeclared parent are everyone's, and so are those that hang on them.
            let is_contained = match action.to_ascii_uppercase().as_str() {
                "NO ACTION" | "RESTRICT" => true,
                "CASCADE" => parent.is_some(),
                _ => false,
            };
            if !is_contained {
                let table = base.table.base().to_owned();
                return Err(UnsafeSchema::ForeignKeyAction { table, parent: name }.into());
            }
        }
        let Some(parent) = parent else {
            continue;
        };
        let (id, seq): (i64, i64) = (row.try_get("id")?, row.try_get("seq")?);
        let from: String = row.try_get("from")?;
        // Without a name it is the parent's primary key, in order.
        let to: Option<String> = match row.try_get("to")? {
            Some(to) => Some(to),
            None => parent
                .key()
                .find(|key| key.key_position == seq + 1)
                .map(|key| key.name.clone()),
        };
        let pairs = base.is_tenant_column(&from) && to.is_some_and(|to| parent.is_tenant_column(&to));
        match keys.last_mut() {
            Some((last, _, paired)) if *last == id => *paired |= pairs,
            _ => keys.push((id, parent, pairs)),
        }
    }
    match keys.iter().find(|(_, _, paired)| !paired) {
        None => Ok(()),
        Some((_, parent, _)) => Err(UnsafeSchema::ForeignKeyWithoutTenant {
            table: base.table.base().to_owned(),
            parent: parent.table.base().to_owned(),
        }
        .into()),
    }
}

/// Refuses a table that holds tenants' rows and that nobody has declared, also where none is.
pub(super) async fn prove_all_declared(
    connection: &mut SqliteConnection,
    tables: &[TenantTable],
) -> Result<(), CatalogError> {
    let columns = tables
        .iter()
        .map(TenantTable::tenant_column)
        .chain([TenantTable::TENANT_COLUMN]);
    for column in columns {
        let names: Vec<String> = sqlx::query_scalar(
            "select s.name from main.sqlite_schema s where s.type in ('table', 'view') and exists (
               select 1 from pragma_table_xinfo(s.name, 'main') c where lower(c.name) = lower(?))",
        )
        .bind(column)
        .fetch_all(&mut *connection)
        .await?;
        let is_declared = |name: &String| tables.iter().any(|table| table.base().eq_ignore_ascii_case(name));
        if let Some(name) = names.into_iter().find(|name| !is_declared(name)) {
            let column = column.to_owned();
            return Err(UnsafeSchema::Undeclared { name, column }.into());
        }
    }
    Ok(())
}

async fn prove_nothing_else_shows(connection: &mut SqliteConnection, base: &BaseTable) -> Result<(), CatalogError> {
    let rows = sqlx::query("select s.type, s.name, s.sql from main.sqlite_schema s where s.type in ('table', 'view')")
        .fetch_all(connection)
        .await?;
    for row in &rows {
        let name: String = row.try_get("name")?;
        if name.eq_ignore_ascii_case(base.table.view()) {
            return Err(UnsafeSchema::NameTaken { name }.into());
        }
        let sql = row
            .try_get::<Option<String>, _>("sql")?
            .unwrap_or_default()
            .to_ascii_lowercase();
        // A virtual table, such as a full-text index, shows what it was made over as a view does.
        let is_derived = row.try_get::<&str, _>("type")? == "view" || sql.trim_start().starts_with("create virtual");
        if is_derived && sql.contains(&base.table.base().to_ascii_lowercase()) {
            let table = base.table.base().to_owned();
            return Err(UnsafeSchema::LeakingView { view: name, table }.into());
        }
    }
    Ok(())
}
