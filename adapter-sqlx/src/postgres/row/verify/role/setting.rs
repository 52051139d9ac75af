//! The setting that says which tenant a transaction is bound to.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::StrategyError;
use crate::postgres::identifier::Literal;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::verify::{PgFault, PgFinding};
use crate::transaction::begin::begin_lent;

/// What no tenant is called.
const CHECK: &str = "tenancy check";

/// The presets of the setting `$1`, whose name has any case there, for the roles `$2`. A preset of neither role nor
/// database is everybody's.
const PRESETS: &str = "
select concat_ws(' in ', coalesce('role ' || quote_ident(r.rolname), 'role all'), 'database ' || quote_ident(d.datname)),
    concat_ws(' ', 'alter role', coalesce(quote_ident(r.rolname), 'all'), 'in database ' || quote_ident(d.datname),
        format('reset %I.%I', split_part(p.name, '.', 1), split_part(p.name, '.', 2)))
from pg_db_role_setting s
cross join lateral (select split_part(entry, '=', 1) from unnest(s.setconfig) as c(entry)) as p(name)
left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
where lower(p.name) = $1 and (d.oid is null or d.datname = current_database())
    and (r.oid is null or r.rolname = any ($2))
order by 1";

/// What the setting is on its way through a transaction.
struct RoundTrip {
    before: Option<String>,
    within: Option<String>,
    after: Option<String>,
}

impl PgRowTables {
    /// No session begins with the setting set, and it holds in a transaction, and not beyond.
    pub(in crate::postgres::row::verify) async fn setting_holds(
        &self,
        tx: &mut PgConnection,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let mut findings = self.presets(tx).await?;
        let lost = || PgFinding::new(PgFault::SettingLost, self.setting().as_str().to_owned(), String::new());
        match self.round_trip(tx).await {
            Ok(trip) => {
                let is_set = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
                // Those of the catalog may be what is seen here.
                if is_set(&trip.before) && findings.is_empty() {
                    let object = "the configuration of the server, or of this connection".to_owned();
                    findings.push(PgFinding::new(PgFault::SettingPreset, object, String::new()));
                }
                if trip.within.as_deref() != Some(CHECK) || trip.after != trip.before {
                    findings.push(lost());
                }
            }
            // It is an extension's, or kept from this name by one.
            Err(sqlx::Error::Database(_)) => findings.push(lost()),
            Err(error) => return Err(error.into()),
        }
        Ok(findings)
    }

    async fn presets(&self, tx: &mut PgConnection) -> Result<Vec<PgFinding>, StrategyError> {
        let roles = self.applications().iter().chain([self.administrator()]);
        let roles: Vec<String> = roles.map(|role| role.as_str().to_owned()).collect();
        let asked = sqlx::query_as(PRESETS).bind(self.setting().as_str()).bind(roles);
        let found: Vec<(String, String)> = asked.fetch_all(tx).await?;
        let finding = |(object, mend)| PgFinding::new(PgFault::SettingPreset, object, mend);
        Ok(found.into_iter().map(finding).collect())
    }

    async fn round_trip(&self, tx: &mut PgConnection) -> Result<RoundTrip, sqlx::Error> {
        let setting = self.setting().as_str();
        let mut session = begin_lent(tx, None).await?;
        // As it is in a session where nobody has set it yet.
        sqlx::raw_sql(AssertSqlSafe(format!("reset {setting}")))
            .execute(&mut *session)
            .await?;
        let before = read(&mut session, setting).await?;
        let mut bound = begin_lent(&mut *session, None).await?;
        let set = format!("set local {setting} = {}", Literal(CHECK));
        sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut *bound).await?;
        let within = read(&mut bound, setting).await?;
        bound.rollback().await?;
        let after = read(&mut session, setting).await?;
        session.rollback().await?;
        Ok(RoundTrip { before, within, after })
    }
}

async fn read(connection: &mut PgConnection, setting: &str) -> Result<Option<String>, sqlx::Error> {
    let asked = sqlx::query_scalar("select current_setting($1, true)").bind(setting);
    asked.fetch_one(connection).await
}
