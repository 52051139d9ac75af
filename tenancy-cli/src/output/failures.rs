//! Which errors of the library are which failures, and what to do about each.

use tenancy::OpenError;
use tenancy_sqlx::{
    AdoptError, CreateError, DeleteError, DirectoryError, ImpersonateError, LifecycleError, SettingsError,
    StrategyError, TransactionError, UpsertError,
};

use super::exit::Exit;
use super::failure::Failure;
use super::text::{chain, time};

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let text = chain(&error);
        match &error {
            OpenError::Read { path, .. } if !path.exists() => Self::new("no_file", text)
                .run("init --help")
                .advise("name the service's configuration by `--file`"),
            OpenError::Read { .. } => Self::new("unreadable_file", text).advise("make the file readable"),
            OpenError::Config(_) => {
                Self::new("configuration", text).advise("correct these keys, or set the variables that they name")
            }
            OpenError::Open(failures) => {
                let only_directory = failures.failures().iter().all(|failure| failure.key() == "directory");
                let is_not_set_up = failures.failures().iter().any(|failure| {
                    let error = failure.error().downcast_ref::<StrategyError>();
                    matches!(error, Some(StrategyError::DirectoryNotSetUp))
                });
                if is_not_set_up {
                    Self::new("directory_not_set_up", text).run("init")
                } else if only_directory {
                    Self::new("directory_unreachable", text)
                        .run("check")
                        .advise("see that the database of the directory runs, and that the URL is right")
                } else if failures.failures().iter().any(|failure| failure.advice().is_some()) {
                    Self::new("fence_mismatch", text).run("fence status")
                } else {
                    Self::new("not_opened", text).run("check")
                }
            }
            _ => Self::new("not_opened", text).run("check"),
        }
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        let text = chain(&error);
        match error {
            DirectoryError::UnknownTenant { .. } => Self::new("unknown_tenant", text).run("tenant list"),
            DirectoryError::Busy(_) => Self::new("busy", text).advise("give the command again: nothing was changed"),
            DirectoryError::Commit(_) => Self::new("not_confirmed_by_database", text)
                .advise("give the command again: it finishes what was begun"),
            DirectoryError::Pending { .. } => Self {
                exit: Exit::Part,
                ..Self::new("pending", text)
            }
            .run("fence finish")
            .advise("or give the same command again"),
            DirectoryError::ReadOnly => Self::needs_administrator(),
            DirectoryError::Corrupt { .. } | DirectoryError::CorruptStatus(_) => {
                Self::new("corrupt_directory", text).advise("correct the row in the directory")
            }
            _ => Self::new("directory_unreachable", text).run("check"),
        }
    }
}

impl Failure {
    /// What only the administrator may do, and whose URL is not there.
    pub(crate) fn needs_administrator() -> Self {
        Self::new(
            "needs_administrator",
            "the directory is open for reading only: the administrator's URL is not set",
        )
        .advise("set the variable, or write the file, that `administrator_url_env` or `administrator_url_file` names")
    }
}

impl From<UpsertError> for Failure {
    fn from(error: UpsertError) -> Self {
        let text = chain(&error);
        match error {
            UpsertError::Directory(error) => error.into(),
            UpsertError::Reserved { .. } => {
                Self::new("reserved_name", text).advise("choose another name, or change `resolution.reserved`")
            }
            UpsertError::Conflict { .. } => Self::new("name_taken", text)
                .run("tenant list")
                .advise("choose another name"),
            UpsertError::Quarantined { .. } => Self::new("name_in_quarantine", text)
                .advise("choose another name, or wait until its quarantine is over"),
            _ => Self::new("refused", text),
        }
    }
}

impl From<LifecycleError> for Failure {
    fn from(error: LifecycleError) -> Self {
        let text = chain(&error);
        match error {
            LifecycleError::Directory(error) => error.into(),
            LifecycleError::Illegal { id, .. } => Self::new("wrong_status", text).run(format!("tenant show {id}")),
            LifecycleError::CreationUnfinished { id } => {
                Self::new("creation_unfinished", text).run(format!("tenant create {id} --resume"))
            }
            LifecycleError::DeletionBegan { id } => {
                Self::new("deletion_began", text).run(format!("tenant delete {id} --grace 0s --confirm {id}"))
            }
            _ => Self::new("refused", text),
        }
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        let text = chain(&error);
        match error {
            CreateError::Upsert(error) => error.into(),
            CreateError::Directory(error) => error.into(),
            CreateError::AlreadyExists { id } => Self::new("already_exists", text).run(format!("tenant show {id}")),
            CreateError::Provision(_) => Self::new("not_provisioned", text)
                .run("check")
                .advise("mend the cause, and give the command again: it goes on where it ended"),
            _ => Self::new("refused", text),
        }
    }
}

impl From<DeleteError> for Failure {
    fn from(error: DeleteError) -> Self {
        let text = chain(&error);
        match error {
            DeleteError::Lifecycle(error) => error.into(),
            DeleteError::InGrace { id, until } => {
                let at = time(until);
                Self::new("in_grace", format!("{text}: {at}"))
                    .run(format!("tenant restore {id}"))
                    .advise(format!(
                        "give the command again after {at}, or with a shorter `--grace`"
                    ))
            }
            DeleteError::Data(_) => Self::new("data_not_removed", text)
                .advise("mend the cause, and give the command again: it goes on where it ended"),
            _ => Self::new("entry_not_removed", text).advise("give the command again: it finishes what was begun"),
        }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let text = chain(&error);
        match error {
            SettingsError::Directory(error) => error.into(),
            SettingsError::Conflict { id, .. } => {
                Self::new("changed_meanwhile", text).run(format!("settings get {id}"))
            }
            SettingsError::Corrupt(_) | SettingsError::NoObject => {
                Self::new("corrupt_directory", text).advise("correct the row in the directory")
            }
            SettingsError::TooLarge { .. } => Self::new("too_large", text).advise("store what is large elsewhere"),
            _ => Self::new("refused", text),
        }
    }
}

impl From<ImpersonateError> for Failure {
    fn from(error: ImpersonateError) -> Self {
        let text = chain(&error);
        match error {
            ImpersonateError::Directory(error) => error.into(),
            ImpersonateError::NotActive { id } => Self::new("wrong_status", text).run(format!("tenant show {id}")),
            ImpersonateError::NotAMember { id } => Self::new("no_member", text).run(format!("member list {id}")),
            ImpersonateError::Lifetime { .. } => Self::usage(text).advise("give another `--for`"),
            _ => Self::new("refused", text),
        }
    }
}

impl From<StrategyError> for Failure {
    fn from(error: StrategyError) -> Self {
        let text = chain(&error);
        match error {
            StrategyError::NotProvisioned { tenant } => {
                Self::new("not_provisioned", text).run(format!("tenant show {tenant}"))
            }
            StrategyError::NeedsAdministrator { .. } => Self::needs_administrator(),
            StrategyError::FenceMismatch { .. } => Self::new("fence_mismatch", text).run("fence status"),
            StrategyError::Unsupported { .. } => Self::new("unsupported", text),
            _ => Self::new("database", text).run("check"),
        }
    }
}

impl From<TransactionError> for Failure {
    fn from(error: TransactionError) -> Self {
        let text = chain(&error);
        match error {
            TransactionError::Begin { source, .. } => {
                let of_strategy = Self::from(source);
                Self {
                    message: text,
                    ..of_strategy
                }
            }
            TransactionError::UnknownStrategy { .. } => {
                Self::new("unknown_strategy", text).advise("add the tenant's strategy to the configuration")
            }
            TransactionError::NotOpen
            | TransactionError::Failed
            | TransactionError::SchemaChanged
            | TransactionError::Commit(_) => {
                Self::new("not_committed", text).advise("look whether the statement ended the transaction by itself")
            }
            _ => Self::new("database", text).run("check"),
        }
    }
}

impl From<AdoptError> for Failure {
    fn from(error: AdoptError) -> Self {
        let text = chain(&error);
        match error {
            AdoptError::NotCanonical { .. } => {
                Self::new("not_canonical", text).advise("name a tenant by an id that the column can hold")
            }
            AdoptError::LocksHeld { .. } => {
                Self::new("busy", text).advise("give the command again when less is written to these tables")
            }
            _ => Self::new("not_adopted", text).run("check"),
        }
    }
}

/// What a database answers to a look of the command's own.
impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::new("database", format!("failed to query the database: {}", chain(&error))).run("check")
    }
}
