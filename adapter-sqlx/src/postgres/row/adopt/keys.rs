//! Keys and foreign keys without the tenant's column, and what makes each anew.

use sqlx::{PgConnection, Row};

use crate::postgres::row::rebuild::foreign_keys::remade_foreign_keys;
use crate::postgres::row::rebuild::keys::remade_keys;
use crate::postgres::row::row_tables::PgRowTables;

/// What drops a key or foreign key, and what adds it again with the tenant.
pub(super) struct Remade {
    pub(super) removal: String,
    pub(super) addition: String,
}

/// The unique keys without the tenant's column, of a table or of one partition alone.
macro_rules! key_roots {
    () => {
        "
, key_roots as (
    select distinct i.indexrelid as root from guarded g join pg_index i on i.indrelid = g.relid and i.indisunique
    where (g.attnum is null or not g.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
        and not exists (select from pg_inherits h join pg_index p on p.indexrelid = h.inhparent
            where h.inhrelid = i.indexrelid and p.indrelid in (select relid from guarded))
)"
    };
}
pub(super) use key_roots;

const KEYS: &str = concat!(
    key_roots!(),
    remade_keys!(),
    "
select r.removal, r.addition from remade_keys r join pg_class x on x.oid = r.root
join pg_index i on i.indexrelid = x.oid order by i.indrelid::regclass::text, x.relname"
);

const FOREIGN_KEYS: &str = concat!(
    remade_foreign_keys!(),
    "
select distinct u.removal, u.addition from unpaired u where u.addition is not null order by 1"
);

impl PgRowTables {
    /// The unique keys. The caller has pinned the search path.
    pub(super) async fn keys_to_remake(&self, connection: &mut PgConnection) -> Result<Vec<Remade>, sqlx::Error> {
        self.remade(KEYS, connection).await
    }

    /// The foreign keys between declared tables. The caller has pinned the search path.
    pub(super) async fn foreign_keys_to_remake(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Remade>, sqlx::Error> {
        self.remade(FOREIGN_KEYS, connection).await
    }

    async fn remade(&self, sql: &str, connection: &mut PgConnection) -> Result<Vec<Remade>, sqlx::Error> {
        let rows = self.adoption_query(connection, sql).await?;
        let remade = |row: &sqlx::postgres::PgRow| {
            Ok(Remade {
                removal: row.try_get(0)?,
                addition: row.try_get(1)?,
            })
        };
        rows.iter().map(remade).collect()
    }
}
