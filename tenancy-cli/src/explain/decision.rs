//! The decision, step by step.

use serde_json::{Value, json};
use tenancy::Rules;
use tenancy::enforce::{Explanation, Outcome, Rejection};

use super::{callers, request};
use crate::args::{AccessPolicy, Explain};
use crate::output::{Answer, Exit, Failure};
use crate::site::{Operated, Site};

pub(crate) async fn explain<DB: Operated>(site: &Site<'_>, args: &Explain) -> Result<Answer, Failure> {
    let mut parts = request::parts(args)?;
    let text = std::fs::read_to_string(site.file()).map_err(|source| tenancy::OpenError::Read {
        path: site.file().to_owned(),
        source,
    })?;
    let callers = callers::callers(args, &text, &mut parts)?;
    site.reach::<DB>().await?;
    let open = site.open::<DB>();
    // A session of impersonation is judged as a service judges it that lets them in. The flags' caller stands in place of any.
    let open = match args.subject {
        None => open.with_impersonation(),
        Some(_) => open,
    };
    let rules = open.rules_alone();
    let rules: Rules<DB> = match callers {
        Some(assumed) => rules.dangerously_with_callers(assumed).await?,
        None => rules.await?,
    };
    let layer = match args.access {
        AccessPolicy::Scoped => rules.tenancy.scoped(),
        AccessPolicy::Optional => rules.tenancy.optional(),
        AccessPolicy::Public => rules.tenancy.public(),
        AccessPolicy::Authenticated => rules.tenancy.authenticated(),
    };
    let explained = layer.explain(&parts).await;
    rules.directory.close().await;
    match explained {
        Ok(explanation) => Ok(answer(&explanation)),
        Err(rejection) => Err(unverified(&rejection)),
    }
}

fn unverified(rejection: &Rejection) -> Failure {
    let message = format!(
        "failed to verify the credential: the request would be answered {} {}",
        rejection.status(),
        rejection.code()
    );
    Failure::new("keys_unavailable", message).advise("see that the issuer's keys can be fetched, or give `--subject`")
}

/// 0 if the request is admitted, 3 if it is refused.
fn answer(explanation: &Explanation) -> Answer {
    let readings: Vec<Value> = explanation
        .readings()
        .map(|(resolver, read)| {
            let (state, key) = match read {
                None => ("not_reached", None),
                Some(Ok(None)) => ("no_match", None),
                Some(Ok(Some(key))) => ("match", Some(key.to_string())),
                Some(Err(_)) => ("malformed", None),
            };
            json!({ "resolver": resolver.to_string(), "read": state, "key": key })
        })
        .collect();
    let (decision, exit) = match explanation.decided() {
        Ok(outcome) => (outcome_of(outcome), Exit::Done),
        Err(rejection) => {
            let refused = json!({
                "outcome": "refused",
                "status": rejection.status(),
                "code": rejection.code(),
                "cause": rejection.to_string(),
            });
            (refused, Exit::Found)
        }
    };
    let text = format!("{explanation:#}");
    let actor = explanation.caller().and_then(|caller| caller.actor());
    let steps: Vec<&str> = text.lines().collect();
    let answer = Answer::new(text.clone())
        .with("decision", decision)
        .with("tenant", explanation.tenant().map(|id| id.as_str()))
        .with("subject", explanation.caller().map(|caller| caller.subject().as_str()))
        .with("actor", actor.map(|actor| actor.subject().as_str()))
        .with(
            "grant",
            actor.and_then(|actor| actor.grant()).map(|grant| grant.as_str()),
        )
        .with("resolvers", readings)
        .with("steps", steps)
        .ending(exit);
    match (exit, explanation.tenant()) {
        (Exit::Found, Some(id)) => answer.run(format!("tenant show {id}")).run(format!("member list {id}")),
        (Exit::Found, None) => answer.run("tenant list"),
        _ => answer,
    }
}

fn outcome_of(outcome: &Outcome) -> Value {
    let outcome = match outcome {
        Outcome::Admitted(_) => "admitted",
        Outcome::Visit(_) => "visit",
        Outcome::NoTenant => "no_tenant",
        Outcome::Authenticated(_) => "authenticated",
        _ => "admitted otherwise",
    };
    json!({ "outcome": outcome })
}
