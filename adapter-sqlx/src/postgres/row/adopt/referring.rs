//! Tables that refer to declared ones.

use sqlx::{PgConnection, Row};

use super::error::AdoptError;
use crate::postgres::identifier::ParseIdentifierError;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;

/// Tables with a foreign key to a declared one: schema, name, the declared one's place, and the column that the key pairs
/// with the tenant's if it does. For a partition it is the table that is partitioned.
const REFERRING: &str = "
, referring as (
    select k.conrelid as relid, g.place, (select a.attname from unnest(k.conkey, k.confkey) as pair(own, other)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.own where pair.other = g.attnum limit 1) as col
    from guarded g join pg_constraint k on k.contype = 'f' and k.confrelid = g.relid
), roots as (
    select relid, place, col from referring
    union select i.inhparent, r.place, r.col from roots r join pg_class c on c.oid = r.relid and c.relispartition
        join pg_inherits i on i.inhrelid = r.relid
)
select distinct on (n.nspname, c.relname) n.nspname::text, c.relname::text, r.place - 1, r.col::text
from roots r join pg_class c on c.oid = r.relid and not c.relispartition join pg_namespace n on n.oid = c.relnamespace
where c.oid not in (select relid from guarded)
order by n.nspname, c.relname, r.col nulls last, r.place";

impl PgRowTables {
    /// Declares all tables that refer to declared ones by a foreign key, the tables that refer to those, and so on.
    ///
    /// Each has the tenant's column and its type as the table that it refers to, and the default
    /// [grants](crate::PgTableGrants). A table that refers to the tenant's column itself, as `teams.org_id` does to
    /// `orgs.id`, has its own column of that key.
    ///
    /// Tables that are declared already stay as they are. Declare a table that has other grants, or another column, before.
    ///
    /// # Errors
    ///
    /// If the catalog cannot be read.
    pub async fn with_referring_tables(mut self, connection: &mut PgConnection) -> Result<Self, AdoptError> {
        loop {
            let mut found = Vec::new();
            for row in self.adoption_query(connection, REFERRING).await? {
                let (schema, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
                let (place, column): (i64, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
                let referred = usize::try_from(place).ok().and_then(|place| self.tables().get(place));
                if let Some(referred) = referred {
                    let table = like(referred, &schema, &name, column.as_deref());
                    found.push(table.map_err(|error| AdoptError::one(name, &error.to_string()))?);
                }
            }
            if found.is_empty() {
                return Ok(self);
            }
            for table in found {
                self = self.with_table(table);
            }
        }
    }
}

fn like(
    referred: &PgTenantTable,
    schema: &str,
    name: &str,
    column: Option<&str>,
) -> Result<PgTenantTable, ParseIdentifierError> {
    let column = column.unwrap_or(referred.tenant_column().as_str());
    PgTenantTable::new(name)?
        .with_schema(schema)?
        .with_tenant_column(column, referred.tenant_column_type())
}
