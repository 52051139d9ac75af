//! Names of tenants' schemas and databases.

use tenancy_core::names::TenantId;
use thiserror::Error;

use crate::StrategyError;
use crate::postgres::identifier::{ParseIdentifierError, PgIdentifier};

/// Which schema is which tenant's: a prefix, and the id.
#[derive(Clone, Debug)]
pub(in crate::postgres) struct SchemaNames {
    pub(in crate::postgres) prefix: String,
    /// Searched after the tenant's own.
    pub(in crate::postgres) shared: Vec<PgIdentifier>,
}

impl Default for SchemaNames {
    fn default() -> Self {
        Self {
            prefix: "tenant_".to_owned(),
            shared: Vec::new(),
        }
    }
}

impl SchemaNames {
    /// Two ids never share a name: it is all of the id, or an error.
    pub(in crate::postgres) fn of(&self, tenant: &TenantId) -> Result<PgIdentifier, StrategyError> {
        self.parse(tenant).map_err(|source| StrategyError::SchemaName {
            tenant: tenant.clone(),
            source,
        })
    }

    /// What is searched for a name without a schema, as SQL: the tenant's schema, and never `public` unless
    /// it was named. Temporary tables come last, or they would be found before the tenant's own.
    pub(in crate::postgres) fn search_path(&self, schema: &PgIdentifier) -> String {
        let schemas = std::iter::once(schema).chain(&self.shared).map(PgIdentifier::to_string);
        let mut path: Vec<String> = schemas.collect();
        path.push("pg_temp".to_owned());
        path.join(", ")
    }

    fn parse(&self, tenant: &TenantId) -> Result<PgIdentifier, SchemaNameError> {
        let name: PgIdentifier = format!("{}{tenant}", self.prefix).parse()?;
        if is_reserved(name.as_str()) || self.shared.contains(&name) {
            return Err(SchemaNameError::Reserved { name });
        }
        Ok(name)
    }
}

/// Names that are PostgreSQL's, or everybody's.
fn is_reserved(name: &str) -> bool {
    matches!(name, "public" | "information_schema" | "postgres")
        || name.starts_with("pg_")
        || name.starts_with("template")
}

/// Why a tenant's schema or database has no name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SchemaNameError {
    /// The prefix and the id are no name together: most often they are too long.
    #[error("the prefix and the id are no name of a schema or database")]
    Identifier(#[from] ParseIdentifierError),
    /// The name is PostgreSQL's own, or that of a schema which tenants share.
    #[error("the name {name} is no tenant's")]
    Reserved {
        /// The name.
        name: PgIdentifier,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str) -> SchemaNames {
        SchemaNames {
            prefix: prefix.to_owned(),
            shared: vec!["extensions".parse().unwrap()],
        }
    }

    #[test]
    fn a_name_is_all_of_the_id_or_none() {
        let id = |length: usize| "a".repeat(length).parse::<TenantId>().unwrap();
        let name = names("tenant_").parse(&id(56)).unwrap();
        assert_eq!(name.as_str().len(), 63);
        let too_long = SchemaNameError::Identifier(ParseIdentifierError::TooLong { length: 64 });
        assert_eq!(names("tenant_").parse(&id(57)), Err(too_long));
        assert!(names("").parse(&id(63)).is_ok());
    }

    #[test]
    fn no_tenant_gets_what_is_not_a_tenants() {
        for (prefix, id) in [
            ("", "public"),
            ("", "postgres"),
            ("", "template1"),
            ("", "extensions"),
            ("pub", "lic"),
            ("pg_", "acme"),
            ("information_", "schema"),
            ("ext", "ensions"),
        ] {
            let name = names(prefix).parse(&id.parse().unwrap());
            assert!(matches!(name, Err(SchemaNameError::Reserved { .. })), "{prefix}{id}");
        }
        assert!(names("tenant_").parse(&"public".parse().unwrap()).is_ok());
    }

    #[test]
    fn a_path_is_quoted_and_ends_with_temporary_tables() {
        let names = names("a\"; drop schema b; --");
        let name = names.parse(&"acme".parse().unwrap()).unwrap();
        let path = r#""a""; drop schema b; --acme", "extensions", pg_temp"#;
        assert_eq!(names.search_path(&name), path);
    }
}
