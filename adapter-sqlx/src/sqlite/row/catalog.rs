//! The proof, against the live catalog, that the declared tables keep tenants apart.

use sqlx::{Row, SqliteConnection};

use super::base_table::{BaseTable, Column};
use super::catalog_error::CatalogError;
use super::declarations::Declarations;
use super::exposure;
use super::table::TenantTable;
use super::unsafe_schema::UnsafeSchema;

/// Reads the declared tables, and refuses a schema that would not keep tenants apart.
///
/// Foreign keys must be off on `connection`, so that `EXPLAIN` lists what triggers read and not what keys check.
pub(in crate::sqlite) async fn prove(
    connection: &mut SqliteConnection,
    declared: &Declarations,
) -> Result<Vec<BaseTable>, CatalogError> {
    // Without declarations this is not the file of a row strategy, or `open` checks the rest itself.
    if declared.tables.is_empty() {
        return Ok(Vec::new());
    }
    let mut proved = Vec::with_capacity(declared.tables.len());
    for table in &declared.tables {
        let base = read(connection, table).await?;
        prove_columns(&base)?;
        prove_indexes(connection, &base).await?;
        proved.push(base);
    }
    for base in &proved {
        prove_foreign_keys(connection, base, &proved).await?;
        prove_name_is_free(connection, base).await?;
    }
    let written = exposure::prove(connection, declared).await?;
    for base in &mut proved {
        base.is_written_by_triggers = written.contains(&base.table.base().to_ascii_lowercase());
    }
    prove_all_declared(connection, declared).await?;
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
        is_written_by_triggers: false,
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

/// Refuses a table that holds tenants' rows and is not declared. This needs no declared table to go by.
pub(in crate::sqlite) async fn prove_all_declared(
    connection: &mut SqliteConnection,
    declared: &Declarations,
) -> Result<(), CatalogError> {
    let columns: Vec<&str> = declared
        .tables
        .iter()
        .map(TenantTable::tenant_column)
        .chain([TenantTable::TENANT_COLUMN])
        .collect();
    let names: Vec<String> =
        sqlx::query_scalar("select name from main.sqlite_schema where type in ('table', 'view') order by rowid")
            .fetch_all(&mut *connection)
            .await?;
    for name in names {
        if declared.is_base(&name) || declared.is_exposed(&name) || name == "tenancy_places" {
            continue;
        }
        let found: Result<Vec<String>, sqlx::Error> =
            sqlx::query_scalar("select name from pragma_table_xinfo(?, 'main')")
                .bind(&name)
                .fetch_all(&mut *connection)
                .await;
        let found = match found {
            // A view that names what is not there has no columns, and shows nothing.
            Err(error) if exposure::is_not_compiled(&error) => continue,
            found => found?,
        };
        let is_tenants = |column: &&&str| found.iter().any(|found| found.eq_ignore_ascii_case(column));
        if let Some(column) = columns.iter().find(is_tenants) {
            let column = (*column).to_owned();
            return Err(UnsafeSchema::Undeclared { name, column }.into());
        }
    }
    Ok(())
}

async fn prove_name_is_free(connection: &mut SqliteConnection, base: &BaseTable) -> Result<(), CatalogError> {
    let taken: Option<String> = sqlx::query_scalar(
        "select name from main.sqlite_schema where type in ('table', 'view') and lower(name) = lower(?)",
    )
    .bind(base.table.view())
    .fetch_optional(connection)
    .await?;
    match taken {
        None => Ok(()),
        Some(name) => Err(UnsafeSchema::NameTaken { name }.into()),
    }
}
