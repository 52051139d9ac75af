//! A process that changes the directory until it is killed, or its time is over.

use std::error::Error;
use std::future::Future;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tenancy_core::directory::{Member, TenantEntry as _, TenantStatus};
use tenancy_core::names::TenantId;
use tenancy_sqlx::{CreateError, CreationKey, DirectoryError, ForgetError, LifecycleError, NewTenant, UpsertError};

use super::line::{Line, Verb};
use super::store::Store;
use crate::Failure;
use crate::poll::poll_at_most;
use crate::random::Random;

/// The arguments of a child process.
#[derive(clap::Args)]
pub(crate) struct ChildArguments {
    /// An address of PostgreSQL, or a folder.
    target: String,
    application: String,
    number: u64,
    /// How many were started before in its place.
    generation: u64,
    seed: u64,
    milliseconds: u64,
}

/// Contested ids are new ones every so often, for all processes at the same time.
const CONTEST: u128 = 150;

struct Child {
    store: Arc<Store>,
    random: Random,
    number: u64,
    /// The last value that was used.
    next: u64,
    own: Vec<TenantId>,
    removed: Vec<TenantId>,
    /// Names that other tenants have or had.
    seen: Vec<String>,
}

pub(crate) async fn run(arguments: &ChildArguments) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_millis(arguments.milliseconds);
    let mut child = Child {
        store: Arc::new(Store::open(&arguments.target, &arguments.application).await?),
        random: Random::new(arguments.seed),
        number: arguments.number,
        next: arguments.generation * 100_000,
        own: Vec::new(),
        removed: Vec::new(),
        seen: Vec::new(),
    };
    child.look().await?;
    while Instant::now() < until {
        child.one().await?;
    }
    child.store.close().await;
    Ok(())
}

/// What an operation came to.
enum Answer {
    Done,
    Same,
    Refused(String),
    Failed(String),
}

impl Child {
    async fn one(&mut self) -> Result<(), Failure> {
        match self.random.below(16) {
            0 => self.look().await,
            1..=5 => self.rename().await,
            6 | 7 => self.set_status().await,
            8..=10 => self.change_member().await,
            11 => self.remove().await,
            12 => self.steal().await,
            13 => self.revive().await,
            _ => self.contest().await,
        }
    }

    /// Learns the others' names, and which tenants are its own.
    async fn look(&mut self) -> Result<(), Failure> {
        let own = format!("own-{}-", self.number);
        self.own.clear();
        for entry in self.store.list().await? {
            let record = entry.record();
            if record.id.as_str().starts_with(&own) {
                self.own.push(record.id.clone());
            } else if record.id.as_str().starts_with("own-") {
                self.seen.push(record.slug.to_string());
            }
        }
        Ok(())
    }

    fn value(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Prints a line, makes the change, and prints its outcome. One in a few is dropped half-way, and has no outcome.
    async fn tell(
        &mut self,
        id: &TenantId,
        field: &str,
        value: &str,
        work: impl Future<Output = Answer>,
    ) -> Option<Answer> {
        let line = |verb, told: &str| Line {
            verb,
            id: id.to_string(),
            field: field.to_owned(),
            value: value.to_owned(),
            told: told.to_owned(),
        };
        print(&line(Verb::Try, ""));
        let polls = if self.random.once_in(4) {
            self.random.below(20)
        } else {
            u64::MAX
        };
        let answer = poll_at_most(polls, work).await?;
        print(&match &answer {
            Answer::Done => line(Verb::Done, ""),
            Answer::Same => line(Verb::Same, ""),
            Answer::Refused(told) => line(Verb::Refused, told),
            Answer::Failed(told) => line(Verb::Failed, told),
        });
        Some(answer)
    }

    /// Puts one of its tenants into the directory, new or under other names: all of one version.
    async fn rename(&mut self) -> Result<(), Failure> {
        let version = self.value();
        let id = match self.random.pick(&self.own) {
            Some(id) if self.own.len() > 4 || self.random.once_in(2) => id.clone(),
            _ => format!("own-{}-{version}", self.number).parse()?,
        };
        let tenant = named(&id, self.number, version, self.store.strategy())?;
        let store = Arc::clone(&self.store);
        let work = async { upserted(store.upsert(&tenant).await) };
        let done = self.tell(&id, "names", &version.to_string(), work).await;
        if matches!(done, Some(Answer::Done)) && !self.own.contains(&id) {
            self.own.push(id);
        }
        Ok(())
    }

    async fn set_status(&mut self) -> Result<(), Failure> {
        let Some(id) = self.random.pick(&self.own).cloned() else {
            return Ok(());
        };
        let statuses = [TenantStatus::Active, TenantStatus::Suspended, TenantStatus::Archived];
        let Some(status) = self.random.pick(&statuses).copied() else {
            return Ok(());
        };
        let store = Arc::clone(&self.store);
        let work = async { led(store.set_status(&id, status).await) };
        self.tell(&id, "status", status.as_str(), work).await;
        Ok(())
    }

    async fn change_member(&mut self) -> Result<(), Failure> {
        let Some(id) = self.random.pick(&self.own).cloned() else {
            return Ok(());
        };
        let member: Member = format!("member-{}", self.random.below(4)).parse()?;
        let field = member.subject().to_string();
        let store = Arc::clone(&self.store);
        if self.random.once_in(2) {
            let role = format!("v{}", self.value()).parse()?;
            let member = member.with_roles(std::iter::once(role).collect());
            let work = async { changed(store.add_member(&id, &member).await) };
            self.tell(&id, &field, "there", work).await;
        } else {
            let work = async { changed(store.remove_member(&id, member.subject()).await) };
            self.tell(&id, &field, "gone", work).await;
        }
        Ok(())
    }

    /// Archives a tenant, and takes it out of the directory.
    async fn remove(&mut self) -> Result<(), Failure> {
        if self.own.len() < 3 {
            return Ok(());
        }
        let Some(id) = self.random.pick(&self.own).cloned() else {
            return Ok(());
        };
        let store = Arc::clone(&self.store);
        let archived = TenantStatus::Archived;
        let work = async { led(store.set_status(&id, archived).await) };
        if !matches!(
            self.tell(&id, "status", archived.as_str(), work).await,
            Some(Answer::Done)
        ) {
            return Ok(());
        }
        let work = async {
            match store.remove(&id).await {
                Ok(true) => Answer::Done,
                Ok(false) => Answer::Same,
                Err(ForgetError::Directory(error)) => failed(&error),
                Err(error) => Answer::Failed(text_of(&error)),
            }
        };
        self.own.retain(|own| *own != id);
        if matches!(self.tell(&id, "existence", "gone", work).await, Some(Answer::Done)) {
            self.removed.push(id);
        }
        Ok(())
    }

    /// Asks for a name that another tenant has or had: it must not be given.
    async fn steal(&mut self) -> Result<(), Failure> {
        let Some(slug) = self.random.pick(&self.seen).cloned() else {
            return Ok(());
        };
        let version = self.value();
        let id: TenantId = format!("thief-{}-{version}", self.number).parse()?;
        let tenant = NewTenant::new(id.clone(), self.store.strategy().parse()?).with_slug(slug.parse()?);
        let store = Arc::clone(&self.store);
        self.tell(&id, "theft", &slug, async { upserted(store.upsert(&tenant).await) })
            .await;
        Ok(())
    }

    /// Asks for the id of a tenant that was removed: it must not be given.
    async fn revive(&mut self) -> Result<(), Failure> {
        let Some(id) = self.random.pick(&self.removed).cloned() else {
            return Ok(());
        };
        let version = self.value();
        let tenant = named(&id, self.number, version, self.store.strategy())?;
        let store = Arc::clone(&self.store);
        let work = async { upserted(store.upsert(&tenant).await) };
        self.tell(&id, "revival", &version.to_string(), work).await;
        Ok(())
    }

    /// Creates a tenant of an id that the other process wants, too. Given up half-way, it goes on by the same key.
    async fn contest(&mut self) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let id: TenantId = format!("shared-{}", now / CONTEST).parse()?;
        let tenant = NewTenant::new(id.clone(), self.store.strategy().parse()?);
        let key = CreationKey::random();
        let store = Arc::clone(&self.store);
        for _ in 0..20 {
            let work = async {
                match store.create(&tenant, &key).await {
                    Ok(_) => Answer::Done,
                    Err(CreateError::AlreadyExists { .. }) => Answer::Refused("exists".to_owned()),
                    Err(CreateError::Directory(error) | CreateError::Upsert(UpsertError::Directory(error))) => {
                        failed(&error)
                    }
                    Err(error) => Answer::Failed(text_of(&error)),
                }
            };
            match self.tell(&id, "creation", &self.number.to_string(), work).await {
                Some(Answer::Refused(told)) if told == "busy" => {}
                None => {}
                Some(_) => return Ok(()),
            }
        }
        Ok(())
    }
}

/// A tenant of which every name is of one version.
fn named(id: &TenantId, number: u64, version: u64, strategy: &str) -> Result<NewTenant, Failure> {
    Ok(NewTenant::new(id.clone(), strategy.parse()?)
        .with_slug(format!("slug-{number}-{version}").parse()?)
        .with_external_id(format!("org-{number}-{version}").parse()?)
        .with_name(format!("name-{number}-{version}"))
        .with_domain(format!("d{number}-{version}.example.com").parse()?))
}

fn upserted<T>(result: Result<T, UpsertError>) -> Answer {
    match result {
        Ok(_) => Answer::Done,
        Err(UpsertError::Directory(error)) => failed(&error),
        Err(error @ (UpsertError::Conflict { .. } | UpsertError::Quarantined { .. })) => {
            Answer::Refused(text_of(&error))
        }
        Err(error) => Answer::Failed(text_of(&error)),
    }
}

fn changed(result: Result<bool, DirectoryError>) -> Answer {
    match result {
        Ok(true) => Answer::Done,
        Ok(false) => Answer::Same,
        Err(error) => failed(&error),
    }
}

/// Where the tenant is already, it is as if it had been led there.
fn led(result: Result<bool, LifecycleError>) -> Answer {
    match result {
        Ok(_) => Answer::Done,
        Err(LifecycleError::Directory(error)) => failed(&error),
        Err(LifecycleError::Illegal { .. }) => Answer::Refused("no verb leads there".to_owned()),
        Err(error) => Answer::Failed(text_of(&error)),
    }
}

fn failed(error: &DirectoryError) -> Answer {
    match error {
        DirectoryError::Busy(_) => Answer::Refused("busy".to_owned()),
        DirectoryError::UnknownTenant { .. } => Answer::Refused("unknown".to_owned()),
        error => Answer::Failed(text_of(error)),
    }
}

fn text_of(error: &(dyn Error + 'static)) -> String {
    crate::isolation::text_of(error)
}

fn print(line: &Line) {
    let mut out = std::io::stdout().lock();
    // The parent reads this. If it is gone, it has killed this process already.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
