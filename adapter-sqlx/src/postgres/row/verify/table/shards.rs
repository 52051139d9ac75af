//! What the shards of declared tables have, which the coordinator's catalog does not tell of.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::identifier::text_array;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::verify::{PgFault, PgFinding, prepare};
use crate::transaction::begin::begin_lent;

/// All that decides which rows the roles `ROLES` see of the table `TABLE`: whether row-level security holds and for whom,
/// the policies, who owns it, what the roles are on this node, and what is preset for them here.
///
/// An expression is spelled as the table's own node spells it, and a shard's columns have the names of its table's.
const SEEN: &str = "select json_build_object('enabled', c.relrowsecurity, 'forced', c.relforcerowsecurity,
    'owner', pg_get_userbyid(c.relowner), 'policies', (
        select json_agg(json_build_array(p.polname, p.polpermissive, p.polcmd, array(select pg_get_userbyid(r.oid)
                from unnest(p.polroles) as r(oid) order by 1), pg_get_expr(p.polqual, p.polrelid),
                pg_get_expr(p.polwithcheck, p.polrelid)) order by p.polname)
        from pg_policy p where p.polrelid = c.oid), 'roles', (
        select json_agg(json_build_array(r.rolname, r.rolsuper, r.rolbypassrls, pg_has_role(r.oid, c.relowner, 'member'), (
                select json_agg(s.setconfig order by s.setdatabase) from pg_db_role_setting s
                where s.setrole = r.oid and s.setdatabase in (0, (
                    select d.oid from pg_database d where d.datname = current_database()))))
            order by r.rolname) from pg_roles r where r.rolname = any (ROLES)))::text
from pg_class c where c.oid = TABLE::regclass";

/// What Citus may be asked of a table: each placement's node and shard, whether it answered, and what.
const ASKED: &str = "select nodename::text, nodeport, shardid, success, result
    from run_command_on_placements($1::regclass, $2) order by shardid, nodename, nodeport";

impl PgRowTables {
    /// Compares what every shard of the declared tables has with what the coordinator has of its table.
    ///
    /// The workers are asked on connections of their own, so this is no part of a transaction that changes the tables: it
    /// would wait for that one's locks.
    ///
    /// # Security
    ///
    /// A shard that cannot be asked is a finding. Its policies are not known, and its worker may serve it again at once.
    pub(in crate::postgres::row) async fn shards(
        &self,
        administrator: &mut PgConnection,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let mut findings = Vec::new();
        if !self.is_on_citus() {
            return Ok(findings);
        }
        let mut tx = begin_lent(administrator, None).await?;
        prepare(&mut tx).await?;
        let roles = text_array(self.applications().iter().map(|role| role.as_str()));
        let seen = SEEN.replace("ROLES", &roles);
        // Citus puts the shard's name in where `%L` stands.
        let of_shard = seen.replace('%', "%%").replace("TABLE", "%L");
        for table in self.tables() {
            let name = table.to_string();
            let of_table = sqlx::query_scalar(AssertSqlSafe(seen.replace("TABLE", "to_regclass($1)")));
            let expected: Option<String> = of_table.bind(&name).fetch_optional(&mut *tx).await?;
            // A table that is not there, or not distributed, is a finding already.
            let Some(expected) = expected else { continue };
            let asked = sqlx::query(ASKED).bind(&name).bind(&of_shard);
            for row in asked.fetch_all(&mut *tx).await? {
                let (host, port, shard): (String, i32, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                let (is_answered, answer): (bool, Option<String>) = (row.try_get(3)?, row.try_get(4)?);
                let answer = answer.unwrap_or_default();
                if is_answered && answer == expected {
                    continue;
                }
                let what = if is_answered {
                    format!("has {answer} where the coordinator has {expected}")
                } else {
                    format!("answers: {answer}")
                };
                let object = format!("the shard {shard} of {table} on {host}:{port}, which {what}");
                findings.push(PgFinding::new(PgFault::ShardDiffers, object, String::new()));
            }
        }
        tx.rollback().await?;
        Ok(findings)
    }
}
