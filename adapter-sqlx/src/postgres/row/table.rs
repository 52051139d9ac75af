//! Which tables hold tenants' rows.

use std::fmt;

use tenancy_core::names::TenantId;

use super::table_grants::PgTableGrants;
use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};

/// The type of the column that holds the tenant's id.
///
/// Each compares byte by byte: two ids are never one value, and a value is never spelled in two ways. So `char(n)`, which
/// PostgreSQL pads with blanks and compares without them, `citext`, `name`, and domains are none of them; a column of such
/// a type is [`PgFault::ColumnType`](crate::PgFault::ColumnType).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PgTenantColumn {
    /// `text`, or `varchar` with or without a length: any id. One that is longer than the shortest `varchar(n)` is refused
    /// when it is provisioned and when its transactions begin. The lengths are read when the strategy opens.
    #[default]
    Text,
    /// `uuid`: ids are uuids, hyphenated and in lower case.
    Uuid,
    /// `smallint`: ids are decimal numbers up to 32767, without sign and leading zeros.
    SmallInt,
    /// `integer`: ids are decimal numbers up to 2147483647, without sign and leading zeros.
    Integer,
    /// `bigint`: ids are decimal numbers up to 9223372036854775807, without sign and leading zeros.
    BigInt,
}

impl PgTenantColumn {
    /// The type's name in SQL: the one that ids are compared as, and that a column gets which is made.
    #[must_use]
    pub const fn sql_type(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Uuid => "uuid",
            Self::SmallInt => "smallint",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
        }
    }

    /// Whether the id is the one spelling of its value. PostgreSQL reads others too, and two tenants'
    /// ids would be one row's.
    #[must_use]
    pub fn is_canonical(self, id: &TenantId) -> bool {
        let id = id.as_str();
        match self {
            Self::Text => true,
            Self::Uuid => is_canonical_uuid(id.as_bytes()),
            Self::SmallInt => is_canonical_integer(id, i64::from(i16::MAX)),
            Self::Integer => is_canonical_integer(id, i64::from(i32::MAX)),
            Self::BigInt => is_canonical_integer(id, i64::MAX),
        }
    }
}

/// The condition that the column `a` has the type `d.type` as it may be declared: SQL.
///
/// Comparing a `varchar` as `text` converts nothing, and uses its indexes.
macro_rules! has_declared_type {
    () => {
        "(a.atttypid = d.type::pg_catalog.regtype
        or d.type = 'text' and a.atttypid = 'pg_catalog.varchar'::pg_catalog.regtype)"
    };
}
pub(in crate::postgres::row) use has_declared_type;

fn is_canonical_integer(id: &str, max: i64) -> bool {
    id.parse()
        .is_ok_and(|number: i64| (0..=max).contains(&number) && number.to_string() == id)
}

fn is_canonical_uuid(id: &[u8]) -> bool {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    id.len() == 36
        && id.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => is_hex(byte),
        })
}

/// A table that holds rows of many tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgTenantTable {
    schema: PgIdentifier,
    name: PgIdentifier,
    column: PgIdentifier,
    column_type: PgTenantColumn,
    grants: PgTableGrants,
}

impl PgTenantTable {
    /// The tenant's column unless another is named.
    pub const TENANT_COLUMN: &'static str = "tenant_id";

    /// A table of the schema `public`, whose column `tenant_id` is a `text`.
    ///
    /// # Errors
    ///
    /// Where the name is none.
    pub fn new(name: &str) -> Result<Self, ParseIdentifierError> {
        Ok(Self {
            schema: "public".parse()?,
            name: name.parse()?,
            column: Self::TENANT_COLUMN.parse()?,
            column_type: PgTenantColumn::Text,
            grants: PgTableGrants::default(),
        })
    }

    /// Names the schema that the table is in. The default is `public`.
    ///
    /// # Errors
    ///
    /// Where the name is none.
    pub fn with_schema(self, schema: &str) -> Result<Self, ParseIdentifierError> {
        Ok(Self {
            schema: schema.parse()?,
            ..self
        })
    }

    /// Names the column that holds the tenant's id, and its type. The default is `tenant_id`, a `text`.
    ///
    /// # Errors
    ///
    /// Where the name is none.
    pub fn with_tenant_column(self, column: &str, column_type: PgTenantColumn) -> Result<Self, ParseIdentifierError> {
        Ok(Self {
            column: column.parse()?,
            column_type,
            ..self
        })
    }

    /// Declares what the application may do with the table's rows. The default is to read, insert, update and delete.
    #[must_use]
    pub fn with_grants(self, grants: PgTableGrants) -> Self {
        Self { grants, ..self }
    }

    /// The schema that the table is in.
    #[must_use]
    pub const fn schema(&self) -> &PgIdentifier {
        &self.schema
    }

    /// The table's name.
    #[must_use]
    pub const fn name(&self) -> &PgIdentifier {
        &self.name
    }

    /// The column that holds the tenant's id.
    #[must_use]
    pub const fn tenant_column(&self) -> &PgIdentifier {
        &self.column
    }

    /// The type of that column.
    #[must_use]
    pub const fn tenant_column_type(&self) -> PgTenantColumn {
        self.column_type
    }

    /// What the application may do with the table's rows.
    #[must_use]
    pub const fn grants(&self) -> &PgTableGrants {
        &self.grants
    }
}

/// The table's name with its schema, quoted.
impl fmt::Display for PgTenantTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_spelling() {
        let is = |column: PgTenantColumn, id: &str| column.is_canonical(&id.parse().unwrap());
        assert!(is(PgTenantColumn::Text, "acme"));
        for id in ["0", "7", "9223372036854775807"] {
            assert!(is(PgTenantColumn::BigInt, id), "{id}");
        }
        for id in ["007", "00", "9223372036854775808", "1_0", "acme", "1-", "0x1"] {
            assert!(!is(PgTenantColumn::BigInt, id), "{id}");
        }
        for (column, greatest, beyond) in [
            (PgTenantColumn::SmallInt, "32767", "32768"),
            (PgTenantColumn::Integer, "2147483647", "2147483648"),
        ] {
            assert!(is(column, greatest) && is(column, "0"));
            for id in [beyond, "007", "00", "65536", "4294967296", "1e3", "1_0"] {
                let is_in_range = column == PgTenantColumn::Integer && id == "65536";
                assert_eq!(is(column, id), is_in_range, "{column:?} {id}");
            }
        }
        assert!(is(PgTenantColumn::Uuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
        for id in [
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g",
            "a0eebc99-9c0b4-ef8-bb6d-6bb9bd380a11",
            "acme",
        ] {
            assert!(!is(PgTenantColumn::Uuid, id), "{id}");
        }
    }
}
