//! The entries of `strategies.row.tables`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use tenancy_sqlx::{ParseIdentifierError, PgTableGrants, PgTenantColumn, PgTenantTable, PgTenantView};

use crate::file::Check;

tenancy_core::config::settings! {
    /// A table that holds rows of many tenants.
    pub struct PgTableConfig {
        /// Its name. Required.
        pub name: Option<String> = None,
        /// The schema that it is in. Default: `public`.
        pub schema: Option<String> = None,
        /// The column that holds the tenant's id. Default: `tenant_id`.
        pub tenant_column: Option<String> = None,
        /// The type of that column. Default: `text`.
        pub tenant_column_type: PgColumnType = PgColumnType::Text,
        /// What the application may do with its rows. Default: all four.
        pub grants: Option<Vec<PgTableRight>> = None,
    }
}

/// An entry of `strategies.row.tables`: a table's name, or a table with its settings.
#[derive(Clone, Debug)]
pub struct PgTableEntry(pub PgTableConfig);

/// The type of a column with the tenant's id: see [`PgTenantColumn`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PgColumnType {
    /// `text` or `varchar`. The default.
    #[default]
    Text,
    /// `uuid`.
    Uuid,
    /// `smallint`.
    SmallInt,
    /// `integer`.
    Integer,
    /// `bigint`.
    BigInt,
}

impl PgColumnType {
    const fn column(self) -> PgTenantColumn {
        match self {
            Self::Text => PgTenantColumn::Text,
            Self::Uuid => PgTenantColumn::Uuid,
            Self::SmallInt => PgTenantColumn::SmallInt,
            Self::Integer => PgTenantColumn::Integer,
            Self::BigInt => PgTenantColumn::BigInt,
        }
    }
}

/// A right to rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PgTableRight {
    /// To read rows.
    Select,
    /// To add rows.
    Insert,
    /// To change rows.
    Update,
    /// To remove rows.
    Delete,
}

impl<'de> Deserialize<'de> for PgTableEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry;

        impl<'de> Visitor<'de> for Entry {
            type Value = PgTableEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a table, or a table with `name`")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<PgTableEntry, E> {
                Ok(PgTableEntry(PgTableConfig {
                    name: Some(name.to_owned()),
                    ..PgTableConfig::default()
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PgTableEntry, A::Error> {
                PgTableConfig::deserialize(MapAccessDeserializer::new(map)).map(PgTableEntry)
            }
        }

        deserializer.deserialize_any(Entry)
    }
}

/// The declared tables, without those that are wrong.
pub(super) fn tables(entries: &[PgTableEntry], check: &mut Check) -> Vec<PgTenantTable> {
    const LIST: &str = "strategies.row.tables";
    if entries.is_empty() {
        check.missing(LIST, "at least one table is required, as in `tables = [\"notes\"]`");
    }
    let mut tables: Vec<PgTenantTable> = Vec::new();
    for (index, PgTableEntry(entry)) in entries.iter().enumerate() {
        let key = format!("{LIST}[{index}]");
        let Some(table) = table(entry, &key, check) else {
            continue;
        };
        let is_it = |other: &&PgTenantTable| other.schema() == table.schema() && other.name() == table.name();
        if tables.iter().any(|other| is_it(&other)) {
            check.problem(key, format!("the table {table} is declared twice: remove one"));
        } else {
            tables.push(table);
        }
    }
    tables
}

fn table(entry: &PgTableConfig, key: &str, check: &mut Check) -> Option<PgTenantTable> {
    let Some(name) = &entry.name else {
        check.missing(format!("{key}.name"), "required: the name of the table");
        return None;
    };
    let table = check.value(format!("{key}.name"), PgTenantTable::new(name));
    let schema = entry.schema.as_deref().unwrap_or("public");
    let column = entry.tenant_column.as_deref().unwrap_or(PgTenantTable::TENANT_COLUMN);
    let in_schema = |table: PgTenantTable| table.with_schema(schema);
    let with_column = |table: PgTenantTable| table.with_tenant_column(column, entry.tenant_column_type.column());
    // Each is checked, also where the name is wrong.
    let probe = PgTenantTable::new("probe").ok()?;
    let schema = check.value(format!("{key}.schema"), in_schema(probe.clone()));
    let column = check.value(format!("{key}.tenant_column"), with_column(probe));
    let (table, _, _) = (table?, schema?, column?);
    let table = with_column(in_schema(table).ok()?).ok()?;
    Some(match &entry.grants {
        Some(rights) => table.with_grants(rights.iter().fold(PgTableGrants::none(), |grants, right| match right {
            PgTableRight::Select => grants.with_select(),
            PgTableRight::Insert => grants.with_insert(),
            PgTableRight::Update => grants.with_update(),
            PgTableRight::Delete => grants.with_delete(),
        })),
        None => table,
    })
}

/// A view, as `view` or `schema.view`.
pub(super) fn view(name: &str) -> Result<PgTenantView, ParseIdentifierError> {
    let (schema, name) = in_schema(name);
    PgTenantView::new(name)?.with_schema(schema)
}

/// The schema and the name of `name` or `schema.name`.
pub(super) fn in_schema(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or(("public", name))
}
