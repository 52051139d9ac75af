//! A value of a row whose type is not known before.

use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, TypeInfo as _, ValueRef as _};

/// A value, for people and for machines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    /// In hexadecimal.
    Bytes(String),
}

impl Cell {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Real(value) => value.to_string(),
            Self::Text(value) | Self::Bytes(value) => value.clone(),
        }
    }

    pub(crate) fn machine(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Real(value) => (*value).into(),
            Self::Text(value) | Self::Bytes(value) => value.as_str().into(),
        }
    }
}

/// What PostgreSQL sends as text.
pub(super) fn of_postgres(row: &PgRow, at: usize) -> Result<Cell, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let text = value.as_str().map_err(sqlx::Error::Decode)?;
    let number = |text: &str| text.parse().map(Cell::Integer).ok();
    let known = match value.type_info().name() {
        "BOOL" => Some(Cell::Bool(text == "t")),
        "INT2" | "INT4" | "INT8" => number(text),
        _ => None,
    };
    Ok(known.unwrap_or_else(|| Cell::Text(text.to_owned())))
}

/// By the type that the value itself has.
pub(super) fn of_sqlite(row: &SqliteRow, at: usize) -> Result<Cell, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let name = value.type_info().name().to_owned();
    Ok(match name.as_str() {
        "INTEGER" => Cell::Integer(row.try_get_unchecked(at)?),
        "REAL" => Cell::Real(row.try_get_unchecked(at)?),
        "BLOB" => {
            let bytes: Vec<u8> = row.try_get_unchecked(at)?;
            Cell::Bytes(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        _ => Cell::Text(row.try_get_unchecked(at)?),
    })
}
