//! Settings that hold whatever is preset.

use super::identifier::PgIdentifier;
use super::row_schema::PgRowSchema;
use super::session::BeginText;
use super::table::PgTenantTable;

/// The settings on which it depends what a query of the application means, by their values in SQL. A preset of the role
/// or the database (`alter role … set search_path = …`) would otherwise choose the table that a name stands for.
#[derive(Clone, Debug)]
pub(super) struct SessionPins(Vec<(&'static str, String)>);

impl SessionPins {
    /// Of the strategy `row`: names without a schema are looked up in the schemas of the declared tables, in those of
    /// extensions, and in `public`. Temporary tables come last, or they would stand in front of the guarded ones.
    pub(super) fn of_rows(schema: &PgRowSchema, extensions: &[PgIdentifier]) -> Self {
        let public = "public".parse().ok();
        let tables = schema.tables().iter().map(PgTenantTable::schema);
        let mut path: Vec<String> = Vec::new();
        for schema in tables.chain(extensions).chain(&public).map(PgIdentifier::to_string) {
            if !path.contains(&schema) {
                path.push(schema);
            }
        }
        path.push("pg_temp".to_owned());
        Self(vec![
            ("search_path", path.join(", ")),
            // Off, each query of a guarded table is an error.
            ("row_security", "on".to_owned()),
        ])
    }

    /// Each setting and its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Sets them for one transaction.
    pub(super) fn set_in(&self, text: BeginText) -> BeginText {
        self.iter().fold(text, |text, (name, value)| text.set(name, value))
    }
}
