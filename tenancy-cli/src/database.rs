//! Which database a file is for.

use toml::{Table, Value};

/// Which database a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// By the keys that only one of them has.
pub(crate) fn database_in(text: &str) -> Database {
    const URLS: [&str; 4] = ["url_env", "url_file", "administrator_url_env", "administrator_url_file"];
    let table: Table = text.parse().unwrap_or_default();
    let strategies = table.get("strategies").and_then(Value::as_table);
    let tables = strategies
        .into_iter()
        .flat_map(Table::values)
        .chain(table.get("directory"));
    let names_url = tables
        .filter_map(Value::as_table)
        .any(|table| URLS.iter().any(|key| table.contains_key(*key)));
    let has_schemas = strategies.is_some_and(|strategies| strategies.contains_key("schema"));
    if table.contains_key("database") || names_url || has_schemas {
        Database::Postgres
    } else {
        Database::Sqlite
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_which_database_it_is_for() {
        for (text, expected) in [
            (
                "[directory]\nfile = \"d.sqlite\"\n[strategies.database]\nfolder = \"t\"",
                Database::Sqlite,
            ),
            (
                "[database]\nurl_env = \"DATABASE_URL\"\n[strategies.row]",
                Database::Postgres,
            ),
            (
                "[directory]\nurl_env = \"A\"\n[strategies.database]\nurl_env = \"B\"",
                Database::Postgres,
            ),
            ("[strategies.schema]", Database::Postgres),
            ("no toml", Database::Sqlite),
        ] {
            assert_eq!(database_in(text), expected, "{text}");
        }
    }
}
