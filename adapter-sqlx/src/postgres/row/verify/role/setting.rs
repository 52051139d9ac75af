//! The setting that says which tenant a transaction is bound to.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::identifier::Literal;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::verify::check::{Answer, Question};
use crate::postgres::row::verify::{PgFault, PgFinding};
use crate::transaction::begin::begin_lent;

/// What no tenant is called.
const CHECK: &str = "tenancy check";

/// The presets of the setting, whose name has any case there, for all roles of the application and for the administrator.
/// A preset of neither role nor database is everybody's.
pub(in crate::postgres::row::verify) const PRESETS: Question = Question {
    sql: "
select concat_ws(' in ', coalesce('role ' || quote_ident(r.rolname), 'role all'), 'database ' || quote_ident(d.datname)),
    concat_ws(' ', 'alter role', coalesce(quote_ident(r.rolname), 'all'), 'in database ' || quote_ident(d.datname),
        format('reset %I.%I', split_part(p.name, '.', 1), split_part(p.name, '.', 2)))
from pg_db_role_setting s
cross join lateral (select split_part(entry, '=', 1) from unnest(s.setconfig) as c(entry)) as p(name)
left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
where lower(p.name) = $9 and (d.oid is null or d.datname = current_database())
    and (r.oid is null or r.rolname = any ($10) or r.rolname = $5)
order by 1",
    columns: 2,
};

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
        presets: Vec<PgFinding>,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let mut findings = presets;
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

    async fn round_trip(&self, tx: &mut PgConnection) -> Result<RoundTrip, sqlx::Error> {
        let setting = self.setting().as_str();
        let mut session = begin_lent(tx, None).await?;
        let read = format!("select current_setting({}, true)", Literal(setting));
        // As it is in a session where nobody has set it yet.
        let sql = format!(
            "reset {setting}; {read}; savepoint tenancy_setting; set local {setting} = {}; {read}; \
            rollback to savepoint tenancy_setting; {read}",
            Literal(CHECK)
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *session).await?;
        session.rollback().await?;
        let [before, within, after] = rows.as_slice() else {
            return Err(sqlx::Error::RowNotFound);
        };
        Ok(RoundTrip {
            before: before.try_get(0)?,
            within: within.try_get(0)?,
            after: after.try_get(0)?,
        })
    }
}

/// A finding for each of [`PRESETS`].
pub(in crate::postgres::row::verify) fn presets(answers: &[Answer]) -> Vec<PgFinding> {
    let finding = |answer: &Answer| PgFinding::new(PgFault::SettingPreset, answer.text(0), answer.text(1));
    answers.iter().map(finding).collect()
}
