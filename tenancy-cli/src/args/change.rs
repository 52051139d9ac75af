//! What every command takes that changes something.

use tenancy_sqlx::{Attribution, Reason};

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Change {
    /// Say what would be changed, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Who makes the change, as its event says [default: `cli:` and the user's name].
    #[arg(long, value_name = "NAME", value_parser = |text: &str| text.parse::<Attribution>())]
    actor: Option<Attribution>,
    /// Why, as its event says.
    #[arg(long, value_name = "TEXT")]
    reason: Option<Reason>,
}

impl Change {
    /// Why, where it was said.
    pub(crate) const fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// Whom events name.
    pub(crate) fn attribution(&self) -> Attribution {
        let by = self.actor.clone().unwrap_or_else(user);
        match &self.reason {
            Some(reason) => by.with_reason(reason.clone()),
            None => by,
        }
    }
}

/// The user as the operating system names them.
fn user() -> Attribution {
    let name = whoami::username().unwrap_or_default();
    // A name that no event may have is no name.
    let by = format!("cli:{name}").parse::<Attribution>();
    by.unwrap_or_default()
}

/// As [`Change`], where many are changed at once.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Confirmed {
    #[command(flatten)]
    pub(crate) change: Change,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
}
