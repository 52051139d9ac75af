//! The commands about impersonation.

use serde_json::{Value, json};
use tenancy::directory::{TenantEntry as _, TenantStatus};
use tenancy::names::GrantId;
use tenancy_sqlx::{ImpersonateError, Impersonation, NewImpersonation};

use super::changing::changes;
use super::members::member;
use crate::args::{Change, GrantImpersonation};
use crate::output::{Answer, Failure, Table, time};
use crate::site::{Operated, Site, entry};

pub(crate) async fn grant<DB: Operated>(site: &Site<'_>, args: &GrantImpersonation) -> Result<Answer, Failure> {
    let (id, to) = (&args.id, &args.to);
    // The command line requires it.
    let reason = args
        .change
        .reason()
        .ok_or_else(|| Failure::usage("say why, by `--reason`"))?;
    let mut new = NewImpersonation::new(id.clone(), to.clone(), reason.clone()).lasting(args.lifetime);
    if let Some(subject) = &args.subject {
        new = new.in_place_of(member(subject.clone(), Vec::new(), args.issuer.as_deref()));
    }
    let directory = site.writer::<DB>(&args.change).await?;
    let entry = entry(&directory, id).await?;
    if args.change.dry_run {
        if entry.record().status != TenantStatus::Active {
            return Err(ImpersonateError::NotActive { id: id.clone() }.into());
        }
        directory.close().await;
        let text = format!(
            "`{to}` would be let into the tenant `{id}` for {:?}, to read",
            args.lifetime
        );
        return Ok(Answer::new(text).with("dry_run", true));
    }
    let granted = directory.impersonate(&new).await?;
    directory.close().await;
    let until = time(granted.expires_at);
    let (grant, secret) = (&granted.id, granted.secret.expose());
    let text = format!("{secret}\n\nthe grant `{grant}` lets `{to}` into the tenant `{id}` until {until}, to read");
    Ok(Answer::new(text)
        .with("grant", grant.as_str())
        .with("secret", secret)
        .with("expires_at", until)
        .advise(format!(
            "give the secret to `{to}` alone: it is redeemed once, and shown nowhere else"
        ))
        .run(format!("impersonation end {grant}")))
}

fn machine(impersonation: &Impersonation) -> Value {
    let member = impersonation.member.as_ref();
    json!({
        "grant": impersonation.id.as_str(),
        "tenant": impersonation.tenant.as_str(),
        "actor": impersonation.actor.as_str(),
        "subject": member.map(|member| member.subject().as_str()),
        "issuer": member.and_then(|member| member.issuer()),
        "reason": impersonation.reason,
        "expires_at": time(impersonation.expires_at),
        "redeemed": impersonation.is_redeemed,
    })
}

pub(crate) async fn list<DB: Operated>(site: &Site<'_>) -> Result<Answer, Failure> {
    let directory = site.reader::<DB>().await?;
    let last = directory.impersonations().await?;
    directory.close().await;
    let mut table = Table::new(["grant", "tenant", "actor", "as", "until", "redeemed", "reason"]);
    for impersonation in &last {
        let member = impersonation.member.as_ref();
        table.row([
            impersonation.id.as_str(),
            impersonation.tenant.as_str(),
            impersonation.actor.as_str(),
            member.map_or("-", |member| member.subject().as_str()),
            &time(impersonation.expires_at),
            if impersonation.is_redeemed { "yes" } else { "no" },
            &impersonation.reason,
        ]);
    }
    let machine: Vec<Value> = last.iter().map(machine).collect();
    Ok(Answer::new(table.to_string()).with("impersonations", machine))
}

pub(crate) async fn end<DB: Operated>(site: &Site<'_>, grant: &GrantId, change: &Change) -> Result<Answer, Failure> {
    let directory = site.writer::<DB>(change).await?;
    let changed = if change.dry_run {
        None
    } else {
        Some(directory.end_impersonation(grant).await?)
    };
    directory.close().await;
    let text = match changed {
        None => format!("the grant `{grant}` would end"),
        Some(true) => format!("the grant `{grant}` has ended"),
        Some(false) => format!("no grant `{grant}` lasts"),
    };
    Ok(changes(text, changed).with("grant", grant.as_str()))
}

pub(crate) async fn sweep<DB: Operated>(site: &Site<'_>, change: &Change) -> Result<Answer, Failure> {
    let directory = site.writer::<DB>(change).await?;
    if change.dry_run {
        directory.close().await;
        let text = "grants and sessions that have expired would be deleted, each with an event";
        return Ok(Answer::new(text).with("dry_run", true));
    }
    let ended = directory.sweep_impersonations().await?;
    directory.close().await;
    Ok(Answer::new(format!("{ended} grants and sessions had expired")).with("swept", ended))
}
