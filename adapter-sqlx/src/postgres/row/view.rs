//! Which views show tenants' rows.

use std::fmt;

use crate::postgres::identifier::{Literal, ParseIdentifierError, PgIdentifier};

/// A view of declared tables that the application reads.
///
/// It must be made `with (security_invoker = true)`: then it asks the tables' policies as the application, and shows
/// each tenant its own rows. Without that it reads as its owner, who sees every tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgTenantView {
    schema: PgIdentifier,
    name: PgIdentifier,
}

impl PgTenantView {
    /// A view of the schema `public`.
    ///
    /// # Errors
    ///
    /// If the name is empty, longer than 63 bytes, or has a NUL.
    pub fn new(name: &str) -> Result<Self, ParseIdentifierError> {
        Ok(Self {
            schema: "public".parse()?,
            name: name.parse()?,
        })
    }

    /// Names the schema that the view is in. The default is `public`.
    ///
    /// # Errors
    ///
    /// If the name is empty, longer than 63 bytes, or has a NUL.
    pub fn with_schema(self, schema: &str) -> Result<Self, ParseIdentifierError> {
        Ok(Self {
            schema: schema.parse()?,
            ..self
        })
    }

    /// The schema that the view is in.
    #[must_use]
    pub const fn schema(&self) -> &PgIdentifier {
        &self.schema
    }

    /// The view's name.
    #[must_use]
    pub const fn name(&self) -> &PgIdentifier {
        &self.name
    }

    /// Grants the right to read the view if nobody has granted or revoked anything on it yet, and it reads as the
    /// invoker.
    pub(in crate::postgres) fn grant_sql(&self, roles: &str) -> String {
        let view = self.to_string();
        let body = format!(
            "begin
    if exists (select from pg_catalog.pg_class c, pg_catalog.pg_options_to_table(c.reloptions) o
        where c.oid = pg_catalog.to_regclass({}) and c.relkind = 'v' and c.relacl is null
            and o.option_name = 'security_invoker' and o.option_value::boolean
            and not exists (select from pg_catalog.pg_attribute t where t.attrelid = c.oid and t.attacl is not null)) then
        grant select on table {view} to {roles};
    end if;
end",
            Literal(&view)
        );
        format!("do {};\n", Literal(&body))
    }
}

/// The view's name with its schema, quoted.
impl fmt::Display for PgTenantView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}
