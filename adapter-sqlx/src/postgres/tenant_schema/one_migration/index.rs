//! An index that is built or dropped beside writers, and what a build that failed leaves behind.

use crate::statement::{Token, statements};
use sqlx::{AssertSqlSafe, PgConnection};

/// `create index concurrently` or `drop index concurrently`.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::postgres::tenant_schema) enum ConcurrentIndex {
    /// On a table, as SQL names it. Without a name of its own the server makes one up.
    Create {
        name: Option<String>,
        table: String,
    },
    Drop,
}

impl ConcurrentIndex {
    /// The statement, if the text is one of them and nothing else.
    pub(in crate::postgres::tenant_schema) fn parse(sql: &str) -> Option<Self> {
        let statements = statements(sql);
        let [statement] = statements.as_slice() else {
            return None;
        };
        let mut words = Words(statement);
        if words.take("drop") {
            return (words.take("index") && words.take("concurrently")).then_some(Self::Drop);
        }
        let is_create = words.take("create");
        words.take("unique");
        if !(is_create && words.take("index") && words.take("concurrently")) {
            return None;
        }
        let _ = words.take("if") && words.take("not") && words.take("exists");
        let name = if words.take("on") {
            None
        } else {
            let name = words.name()?;
            if !words.take("on") {
                return None;
            }
            Some(name)
        };
        words.take("only");
        let mut table = quote(&words.name()?);
        if words.dot() {
            table = format!("{table}.{}", quote(&words.name()?));
        }
        Some(Self::Create { name, table })
    }

    /// Whether the index stands as the statement makes it. Nothing is known of one without a name.
    pub(in crate::postgres::tenant_schema) async fn is_built(
        &self,
        connection: &mut PgConnection,
    ) -> Result<bool, sqlx::Error> {
        let Self::Create {
            name: Some(name),
            table,
        } = self
        else {
            return Ok(false);
        };
        let sql = "select exists (select from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid
            where i.indrelid = pg_catalog.to_regclass($1) and x.relname = $2 and i.indisvalid)";
        let is_built = sqlx::query_scalar(sql).bind(table).bind(name);
        is_built.fetch_one(connection).await
    }

    /// Drops what a build that failed has left: an index of the table that is not valid and that nobody builds, of the
    /// statement's name if it has one.
    pub(in crate::postgres::tenant_schema) async fn drop_invalid(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let Self::Create { name, table } = self else {
            return Ok(());
        };
        let sql = "select pg_catalog.format('drop index concurrently %I.%I', n.nspname, x.relname)
            from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid
            join pg_catalog.pg_namespace n on n.oid = x.relnamespace
            where i.indrelid = pg_catalog.to_regclass($1) and not i.indisvalid and x.relkind = 'i'
                and ($2::pg_catalog.text is null or x.relname = $2)
                and not exists (select from pg_catalog.pg_stat_progress_create_index p where p.index_relid = x.oid)";
        let found: Vec<String> = sqlx::query_scalar(sql)
            .bind(table)
            .bind(name.as_deref())
            .fetch_all(&mut *connection)
            .await?;
        for drop in found {
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *connection).await?;
        }
        Ok(())
    }
}

/// What is left of a statement.
struct Words<'s>(&'s [Token]);

impl Words<'_> {
    fn take(&mut self, word: &str) -> bool {
        self.next_if(|token| token.is(word)).is_some()
    }

    fn dot(&mut self) -> bool {
        self.next_if(|token| *token == Token::Symbol('.')).is_some()
    }

    fn name(&mut self) -> Option<String> {
        let token = self.next_if(|token| token.name().is_some())?;
        token.name().map(str::to_owned)
    }

    fn next_if(&mut self, condition: impl Fn(&Token) -> bool) -> Option<&Token> {
        let (first, rest) = self.0.split_first()?;
        if !condition(first) {
            return None;
        }
        self.0 = rest;
        Some(first)
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(name: Option<&str>, table: &str) -> Option<ConcurrentIndex> {
        Some(ConcurrentIndex::Create {
            name: name.map(str::to_owned),
            table: table.to_owned(),
        })
    }

    #[test]
    fn a_statement_is_read_as_the_server_reads_it() {
        let parse = ConcurrentIndex::parse;
        let on = r#""notes""#;
        assert_eq!(parse("create index concurrently on notes (name)"), create(None, on));
        assert_eq!(
            parse("CREATE UNIQUE INDEX CONCURRENTLY A ON ONLY Notes (b);"),
            create(Some("a"), on)
        );
        let sql =
            "-- no-transaction\ncreate index concurrently if not exists \"A b\" on \"s\".\"No\"\"tes\" using gin (c)";
        assert_eq!(parse(sql), create(Some("A b"), "\"s\".\"No\"\"tes\""));
        assert_eq!(
            parse("drop index concurrently if exists a"),
            Some(ConcurrentIndex::Drop)
        );
        for sql in [
            "create index a on notes (b)",
            "vacuum notes",
            "select 1; create index concurrently a on b (c)",
            "",
        ] {
            assert_eq!(parse(sql), None, "{sql}");
        }
    }
}
