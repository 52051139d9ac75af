//! Settings that hold whatever is preset.

use super::begin::BeginText;
use crate::postgres::identifier::PgIdentifier;

/// The settings on which it depends what a query of the application means, by their values in SQL. A preset of the role
/// or the database (`alter role … set search_path = …`) would otherwise choose the table that a name stands for.
#[derive(Clone, Debug)]
pub(in crate::postgres) struct SessionPins(Vec<(&'static str, String)>);

impl SessionPins {
    /// Of the strategy `row`: names without a schema are looked up in `tables`, the schemas of the declared tables, in those of
    /// extensions, and in `public`. Temporary tables come last, or they would stand in front of the guarded ones.
    pub(in crate::postgres) fn of_rows<'t>(
        tables: impl Iterator<Item = &'t PgIdentifier>,
        extensions: &[PgIdentifier],
    ) -> Self {
        let public: Option<PgIdentifier> = "public".parse().ok();
        let others = extensions.iter().chain(&public).map(PgIdentifier::to_string);
        let mut path: Vec<String> = Vec::new();
        for schema in tables.map(PgIdentifier::to_string).chain(others) {
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
    pub(in crate::postgres) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Sets them for one transaction.
    pub(in crate::postgres) fn set_in(&self, text: BeginText) -> BeginText {
        self.iter().fold(text, |text, (name, value)| text.set(name, value))
    }
}
