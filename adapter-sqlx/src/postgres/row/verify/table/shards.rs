//! What the shards of declared tables have, which the coordinator's catalog does not tell of.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::identifier::{Literal, text_array};
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::verify::{PgFault, PgFinding, prepare};
use crate::transaction::begin::begin_lent;

impl PgRowTables {
    /// Compares what every shard of the declared tables has with what the coordinator has of its table.
    ///
    /// The nodes are asked on connections of their own, so this is no part of a transaction that changes the tables: it
    /// would wait for that one's locks.
    ///
    /// # Security
    ///
    /// A node that cannot be asked is a finding. Its shards' policies are not known, and it may serve them again at once.
    pub(in crate::postgres::row) async fn shards(
        &self,
        administrator: &mut PgConnection,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        if !self.is_on_citus() {
            return Ok(Vec::new());
        }
        let mut tx = begin_lent(administrator, None).await?;
        prepare(&mut tx).await?;
        let names: Vec<String> = self.tables().iter().map(ToString::to_string).collect();
        let asked = sqlx::query(AssertSqlSafe(self.differing_sql())).bind(names);
        let mut findings = Vec::new();
        for row in asked.fetch_all(&mut *tx).await? {
            let (node, is_answered): (String, Option<bool>) = (row.try_get(0)?, row.try_get(1)?);
            let (shard, answer): (Option<String>, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
            let answer = answer.unwrap_or_else(|| "nothing".to_owned());
            let object = match (is_answered, shard, row.try_get::<Option<String>, _>(4)?) {
                (Some(true), Some(shard), Some(expected)) => {
                    format!("{shard} on {node}, which has {answer} where the coordinator has {expected}")
                }
                _ => format!("the shards on {node}, which answers: {answer}"),
            };
            findings.push(PgFinding::new(PgFault::ShardDiffers, object, String::new()));
        }
        tx.rollback().await?;
        Ok(findings)
    }

    fn differing_sql(&self) -> String {
        let roles = text_array(self.applications().iter().map(|role| role.as_str()));
        // Citus puts the names in where `%s` stands.
        let of_shard = seen_sql(&roles, "pg_catalog.to_regclass(s.name)").replace('%', "%%");
        let command = format!(
            "select pg_catalog.json_object_agg(s.name, {of_shard}) from pg_catalog.unnest(array[%s]::text[]) as s(name)"
        );
        differing_sql(&seen_sql(&roles, "t.logicalrelid"), &command)
    }
}

/// All that decides which rows these roles see of this table: whether row-level security holds and for whom,
/// the policies, who owns it, what the roles are on this node, and what is preset for them here.
///
/// An expression is spelled as the table's own node spells it, and a shard's columns have the names of its table's.
fn seen_sql(roles: &str, table: &str) -> String {
    format!(
        "(select json_build_object('enabled', c.relrowsecurity, 'forced', c.relforcerowsecurity,
    'owner', pg_get_userbyid(c.relowner), 'policies', (
        select json_agg(json_build_array(p.polname, p.polpermissive, p.polcmd, array(select pg_get_userbyid(r.oid)
                from unnest(p.polroles) as r(oid) order by 1), pg_get_expr(p.polqual, p.polrelid),
                pg_get_expr(p.polwithcheck, p.polrelid)) order by p.polname)
        from pg_policy p where p.polrelid = c.oid), 'roles', (
        select json_agg(json_build_array(r.rolname, r.rolsuper, r.rolbypassrls, pg_has_role(r.oid, c.relowner, 'member'), (
                select json_agg(s.setconfig order by s.setdatabase) from pg_db_role_setting s
                where s.setrole = r.oid and s.setdatabase in (0, (
                    select d.oid from pg_database d where d.datname = current_database()))))
            order by r.rolname) from pg_roles r where r.rolname = any ({roles})))::text
from pg_class c where c.oid = {table})"
    )
}

/// Every shard of the tables `$1` and what its node has of it, where that is not what the coordinator has of the table.
///
/// Each node is asked once, for all shards by name: `command` is the query, with `%s` where the names stand.
fn differing_sql(seen: &str, command: &str) -> String {
    let command = Literal(command);
    format!(
        "with placements as materialized (
    select s.logicalrelid, s.shardid, shard_name(s.logicalrelid, s.shardid) as shard, n.nodeid,
        format('%s:%s', n.nodename, n.nodeport) as node
    from pg_dist_shard s join pg_dist_placement p using (shardid)
    join pg_dist_node n on n.groupid = p.groupid and n.noderole = 'primary'
    where s.logicalrelid in (select to_regclass(t.name) from unnest($1::text[]) as t(name))
), answers as materialized (
    select a.nodeid, a.success, a.result from (
        select format({command}, string_agg(quote_literal(shard), ', ')) as command from placements having count(*) > 0
    ) asked cross join lateral run_command_on_all_nodes(asked.command) as a
), expected as materialized (
    select t.logicalrelid, {seen} as seen from (select distinct logicalrelid from placements) t
)
select distinct p.node, a.success, case when a.success then p.shard end,
    case when a.success then a.result::json ->> p.shard else a.result end, case when a.success then e.seen end
from placements p join expected e using (logicalrelid) left join answers a using (nodeid)
where case when a.success then a.result::json ->> p.shard is distinct from e.seen else true end
order by 1, 3"
    )
}
