//! The objects of one file.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::definition::{TableDefinition, normal};
use crate::StrategyError;
use crate::drift::Fact;

/// What SQLite keeps for itself begins with `sqlite_`, and what this library keeps is not the tenant's: it depends on the fence.
const OBJECTS: &str = "select type, name, tbl_name, sql from main.sqlite_schema
    where name not like 'sqlite\\_%' escape '\\' and tbl_name not in ('tenancy_places', 'tenancy_versions') order by name";

/// The declared types and whatever else a pragma tells of columns, by table.
const COLUMNS: &str =
    "select m.name, x.name, x.type, x.\"notnull\", x.dflt_value, x.pk > 0, x.hidden from main.sqlite_schema m
    join pragma_table_xinfo(m.name, 'main') x where m.type = 'table' and m.name not like 'sqlite\\_%' escape '\\'
    and m.name not in ('tenancy_places', 'tenancy_versions')";

type Column = (String, String, String, bool, Option<String>, bool, i64);

/// Reads the objects. The tables of migrations' extensions, such as those behind a virtual table, are read as any other.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    mut each: impl FnMut(Fact) + Send,
) -> Result<(), StrategyError> {
    let encoding: String = sqlx::query_scalar("pragma main.encoding")
        .fetch_one(&mut *connection)
        .await?;
    each(fact(
        "database",
        "@".to_owned(),
        None,
        vec![("encoding", Some(encoding))],
    ));
    let objects: Vec<(String, String, String, Option<String>)> =
        sqlx::query_as(OBJECTS).fetch_all(&mut *connection).await?;
    let mut columns: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for column in sqlx::query_as::<_, Column>(COLUMNS).fetch_all(connection).await? {
        columns.entry(column.0.clone()).or_default().push(column);
    }
    for (kind, name, table, sql) in objects {
        let sql = sql.unwrap_or_default();
        match kind.as_str() {
            "table" => {
                let columns = columns.remove(&name).unwrap_or_default();
                table_facts(&name, &sql, columns, &mut each);
            }
            "view" => each(fact("view", name, None, vec![("definition", Some(normal(&sql)))])),
            "trigger" => {
                let name = format!("{table}.{name}");
                each(fact(
                    "trigger",
                    name,
                    Some(table),
                    vec![("definition", Some(normal(&sql)))],
                ));
            }
            kind => each(fact(kind, name, Some(table), vec![("definition", Some(normal(&sql)))])),
        }
    }
    Ok(())
}

/// A table, its columns and its constraints. The order of the columns is no part of them.
fn table_facts(name: &str, sql: &str, columns: Vec<Column>, each: &mut impl FnMut(Fact)) {
    let is_virtual = normal(sql).starts_with("create virtual");
    let parsed = if is_virtual { None } else { TableDefinition::parse(sql) };
    let definition = is_virtual.then(|| normal(sql));
    let (mut written, options) = match parsed {
        Some(parsed) => {
            for constraint in parsed.constraints {
                each(fact(
                    "constraint",
                    format!("{name}: {constraint}"),
                    Some(name.to_owned()),
                    Vec::new(),
                ));
            }
            (parsed.columns.into_iter().collect(), parsed.options)
        }
        None => (BTreeMap::new(), String::new()),
    };
    let aspects = vec![("definition", definition), ("options", Some(options))];
    each(fact("table", name.to_owned(), None, aspects));
    for (_, column, declared_type, is_not_null, default, is_in_key, hidden) in columns {
        // All that no pragma tells: checks, collations, expressions, references.
        let rest = written.remove(&column.to_lowercase());
        let aspects = vec![
            ("type", Some(declared_type.to_lowercase())),
            (
                "nullability",
                Some(if is_not_null { "not null" } else { "null" }.to_owned()),
            ),
            ("default", default.as_deref().map(normal)),
            ("key", is_in_key.then(|| "primary key".to_owned())),
            ("generation", (hidden > 0).then(|| hidden.to_string())),
            ("definition", rest),
        ];
        each(fact(
            "column",
            format!("{name}.{column}"),
            Some(name.to_owned()),
            aspects,
        ));
    }
}

fn fact(kind: &str, name: String, parent: Option<String>, aspects: Vec<(&'static str, Option<String>)>) -> Fact {
    Fact {
        kind: kind.to_owned(),
        name,
        parent,
        aspects,
    }
}
