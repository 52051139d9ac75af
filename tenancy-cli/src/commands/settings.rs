//! The commands about settings.

use std::io::{self, IsTerminal as _, Read as _};

use serde_json::{Map, Value};
use tenancy::cache::check_settings_key;
use tenancy::limits::LimitSettings;
use tenancy::names::TenantId;
use tenancy_sqlx::{DirectoryError, SettingsError, SqlDirectory, StoredSettings};

use super::changing::changes;
use crate::args::{SetSetting, WriteSetting};
use crate::output::{Answer, Failure, chain, printable};
use crate::site::{Operated, Site};

pub(crate) async fn get<DB: Operated>(site: &Site<'_>, id: &TenantId, key: Option<&str>) -> Result<Answer, Failure> {
    let directory = site.reader::<DB>().await?;
    let stored = of_tenant(&directory, id).await;
    directory.close().await;
    let stored = stored?;
    let revision = stored.revision();
    let mut object = stored.into_object();
    let answer = match key {
        None => Answer::new(shown(&Value::Object(object.clone()))).with("settings", object),
        Some(key) => {
            let value = object.remove(key).ok_or_else(|| not_set(id, key))?;
            Answer::new(shown(&value)).with("key", key).with("value", value)
        }
    };
    Ok(answer.with("revision", revision))
}

fn not_set(id: &TenantId, key: &str) -> Failure {
    let key = printable(key);
    Failure::new("not_set", format!("the tenant `{id}` has not set `{key}`")).run(format!("settings get {id}"))
}

pub(crate) async fn set<DB: Operated>(site: &Site<'_>, set: SetSetting) -> Result<Answer, Failure> {
    let SetSetting {
        tenant,
        key,
        value,
        text,
        write,
    } = set;
    let value = value_of(value, text)?;
    let are_limits = site.limits_key::<DB>().await?.is_some_and(|limits| limits == key);
    let writing = Writing {
        id: &tenant.id,
        key: &key,
        value: Some(value),
        are_limits,
        write: &write,
    };
    let written = writing.run::<DB>(site).await?;
    let (id, shown) = (&tenant.id, printable(&key));
    let text = match written.changed {
        None => format!("`{shown}` of the tenant `{id}` would be set"),
        Some(true) => format!("`{shown}` of the tenant `{id}` is set"),
        Some(false) => format!("`{shown}` of the tenant `{id}` is set so already"),
    };
    let is_checked = are_limits || site.cli.settings().is_some();
    let answer = written.answer(text, &key).with("checked", is_checked);
    Ok(if is_checked {
        answer
    } else {
        answer.advise("this command does not know the service's settings: see that the service accepts what is set")
    })
}

pub(crate) async fn unset<DB: Operated>(
    site: &Site<'_>,
    id: &TenantId,
    key: &str,
    write: &WriteSetting,
) -> Result<Answer, Failure> {
    let writing = Writing {
        id,
        key,
        value: None,
        are_limits: false,
        write,
    };
    let written = writing.run::<DB>(site).await?;
    let shown = printable(key);
    let text = match written.changed {
        None => format!("`{shown}` of the tenant `{id}` would be unset"),
        Some(true) => format!("`{shown}` of the tenant `{id}` is unset"),
        Some(false) => format!("the tenant `{id}` has not set `{shown}`"),
    };
    let answer = written.answer(text, key);
    Ok(match written.changed {
        Some(false) => answer.run(format!("settings get {id}")),
        _ => answer,
    })
}

/// What a change came to.
struct Written {
    /// `None` if nothing was to be changed.
    changed: Option<bool>,
    revision: u64,
}

impl Written {
    fn answer(&self, text: String, key: &str) -> Answer {
        changes(text, self.changed)
            .with("key", key)
            .with("revision", self.revision)
    }
}

/// A change of one key, to a value or to none.
struct Writing<'w> {
    id: &'w TenantId,
    key: &'w str,
    value: Option<Value>,
    /// Whether the file says that the tenant's limits are under this key.
    are_limits: bool,
    write: &'w WriteSetting,
}

/// How often a change is tried where others change the same settings.
const ATTEMPTS: usize = 8;

impl Writing<'_> {
    async fn run<DB: Operated>(&self, site: &Site<'_>) -> Result<Written, Failure> {
        let directory = site.writer::<DB>(&self.write.change).await?;
        let written = self.try_several_times(site, &directory).await;
        directory.close().await;
        written
    }

    async fn try_several_times<DB: Operated>(
        &self,
        site: &Site<'_>,
        directory: &SqlDirectory<DB>,
    ) -> Result<Written, Failure> {
        let mut attempt = 1;
        loop {
            match self.attempt(site, directory).await? {
                Err(SettingsError::Conflict { .. }) if self.write.if_revision.is_none() && attempt < ATTEMPTS => {
                    attempt += 1;
                }
                done => return Ok(done?),
            }
        }
    }

    async fn attempt<DB: Operated>(
        &self,
        site: &Site<'_>,
        directory: &SqlDirectory<DB>,
    ) -> Result<Result<Written, SettingsError>, Failure> {
        let stored = of_tenant(directory, self.id).await?;
        let before = stored.revision();
        let revision = self.write.if_revision.unwrap_or(before);
        let mut object = stored.into_object();
        match &self.value {
            Some(value) => {
                object.insert(self.key.to_owned(), value.clone());
                // What is unset is not looked at: it may be one of several keys that are wrong.
                self.check(site, &object)?;
            }
            None => {
                object.remove(self.key);
            }
        }
        if revision != before {
            let (id, current) = (self.id.clone(), before);
            return Ok(Err(SettingsError::Conflict { id, current }));
        }
        if self.write.change.dry_run {
            let changed = None;
            return Ok(Ok(Written { changed, revision }));
        }
        let written = directory.compare_and_set_settings(self.id, revision, &object).await;
        Ok(written.map(|after| Written {
            changed: Some(after != revision),
            revision: after,
        }))
    }

    fn check(&self, site: &Site<'_>, object: &Map<String, Value>) -> Result<(), Failure> {
        let limits = || match self.are_limits {
            true => check_settings_key::<LimitSettings>(object, self.key).map(drop),
            false => Ok(()),
        };
        let service = || site.cli.settings().map_or(Ok(()), |check| check(object));
        limits().and_then(|()| service()).map_err(|problem| {
            Failure::new("invalid_settings", printable(&problem.to_string())).run(format!("settings get {}", self.id))
        })
    }
}

async fn of_tenant<DB: Operated>(directory: &SqlDirectory<DB>, id: &TenantId) -> Result<StoredSettings, Failure> {
    let stored = directory.settings(id).await?;
    Ok(stored.ok_or_else(|| DirectoryError::UnknownTenant { id: id.clone() })?)
}

/// The value that is given, or piped in. It is in no message: it may be secret.
fn value_of(given: Option<String>, is_text: bool) -> Result<Value, Failure> {
    let given = match given {
        Some(given) => given,
        None => piped()?,
    };
    if is_text {
        return Ok(Value::String(given));
    }
    serde_json::from_str(&given).map_err(|_| {
        Failure::usage("the value is no JSON").advise("put a text in quotes, such as '\"a text\"', or give `--text`")
    })
}

fn piped() -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage("no value is given").advise("give one, or pipe one in"));
    }
    // One byte more than is stored, so that it is refused and not cut.
    let most = u64::try_from(StoredSettings::MAX_BYTES).unwrap_or(u64::MAX) + 1;
    let mut given = String::new();
    stdin
        .lock()
        .take(most)
        .read_to_string(&mut given)
        .map_err(|error| Failure::new("unreadable_input", format!("failed to read stdin: {}", chain(&error))))?;
    // The end of the line that `echo` adds.
    if given.ends_with('\n') {
        given.pop();
    }
    if given.is_empty() {
        return Err(Failure::usage("no value is given").advise("give one, or pipe one in"));
    }
    Ok(given)
}

/// JSON on lines that start no escape sequence of their own.
fn shown(value: &Value) -> String {
    let text = format!("{value:#}");
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}
