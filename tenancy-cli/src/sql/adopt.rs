//! Tables from before there were tenants, adopted.

use serde_json::{Value, json};
use sqlx::{Connection as _, Postgres};
use tenancy::Description;
use tenancy_sqlx::{AdoptError, PgAdoption, PgRowTables};

use crate::args::Adopt;
use crate::output::{Answer, Exit, Failure, confirm_many, printable};
use crate::reach::connect;
use crate::site::Site;

pub(crate) async fn adopt(site: &Site<'_>, args: &Adopt) -> Result<Answer, Failure> {
    let description: Description<Postgres> = site.open().describe().await?;
    let tables = description.row_tables().ok_or_else(|| {
        Failure::new("no_tables", "the configuration has no table `[strategies.row]`")
            .advise("name the tables in `strategies.row.tables`")
    })?;
    let options = description
        .row_administrator()
        .ok_or_else(Failure::needs_administrator)?;
    let unreachable =
        |error: String| Failure::new("server_unreachable", format!("failed to adopt: {error}")).run("check");
    if args.run {
        let names: Vec<String> = tables.tables().iter().map(ToString::to_string).collect();
        let question = format!("give all rows of {} to the tenant `{}`", names.join(", "), args.id);
        confirm_many(&question, args.yes)?;
    }
    let mut connection = connect(options).await.map_err(unreachable)?;
    let adopted = if args.run {
        tables
            .adopt(&args.id, &mut connection)
            .await
            .map(|adoption| report(args, &adoption))
    } else {
        let sql = tables.adoption_sql(&args.id, &mut connection).await;
        sql.map(|sql| printed(args, tables, sql))
    };
    let _ = connection.close().await;
    match adopted {
        Err(AdoptError::Refused { object, reason, others }) => {
            Ok(refused([(object, reason)].into_iter().chain(others)))
        }
        adopted => Ok(adopted?),
    }
}

fn printed(args: &Adopt, tables: &PgRowTables, sql: String) -> Answer {
    let head = format!(
        "-- All rows of {} tables become the tenant `{}`'s. Run it in one transaction, as their owner.\n",
        tables.tables().len(),
        args.id
    );
    Answer::new(format!("{head}begin;\n{sql}commit;\n"))
        .with("sql", sql)
        .run(format!("adopt {} --run", args.id))
}

/// What needs a decision first.
fn refused(refusals: impl Iterator<Item = (String, String)>) -> Answer {
    let refusals: Vec<(String, String)> = refusals.collect();
    let line = |(object, reason): &(String, String)| format!("{}: {}", printable(object), printable(reason));
    let text: Vec<String> = refusals.iter().map(line).collect();
    let machine = |(object, reason): &(String, String)| json!({ "object": object, "message": reason });
    let machine: Vec<Value> = refusals.iter().map(machine).collect();
    Answer::new(text.join("\n"))
        .with("findings", machine)
        .ending(Exit::Found)
        .advise("decide on each of these, and give the command again: nothing was changed")
}

fn report(args: &Adopt, adoption: &PgAdoption) -> Answer {
    let mut text = if adoption.has_changed() {
        format!("the rows are the tenant `{}`'s\n", args.id)
    } else {
        "the tables have been adopted already\n".to_owned()
    };
    let mut machine: Vec<Value> = Vec::new();
    for warning in adoption.warnings() {
        text.push_str(&format!("warning  {}\n", printable(&warning.to_string())));
        let code = format!("{:?}", warning.hazard());
        machine.push(json!({ "code": code, "object": warning.object(), "message": warning.hazard().advice() }));
    }
    for finding in adoption.report().findings() {
        text.push_str(&format!("finding  {}\n", printable(&finding.to_string())));
        let code = format!("{:?}", finding.fault());
        machine.push(json!({ "code": code, "object": finding.object(), "message": finding.fault().risk() }));
    }
    let exit = if machine.is_empty() { Exit::Done } else { Exit::Found };
    let answer = Answer::new(text)
        .with("changed", adoption.has_changed())
        .with("findings", machine)
        .ending(exit);
    match exit {
        Exit::Done => answer.run(format!("tenant create {} --strategy row", args.id)),
        _ => answer.run("verify --fix-sql"),
    }
}
