//! A request to explain, by flags or in raw HTTP.

use std::path::PathBuf;

use tenancy::enforce::Access;
use tenancy::names::{Role, Subject};

/// The access policy of the route.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum AccessPolicy {
    /// A member acts in a tenant.
    Scoped,
    /// A member acts in a tenant, or nobody in none.
    Optional,
    /// Anyone may read what an active tenant shows.
    Public,
    /// A verified caller acts, in no tenant.
    Authenticated,
}

impl From<AccessPolicy> for Access {
    fn from(policy: AccessPolicy) -> Self {
        match policy {
            AccessPolicy::Scoped => Self::Scoped,
            AccessPolicy::Optional => Self::Optional,
            AccessPolicy::Public => Self::Public,
            AccessPolicy::Authenticated => Self::Authenticated,
        }
    }
}

/// A token is never an argument, and is not printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The access policy of the route.
    #[arg(long, value_enum, default_value = "scoped")]
    pub(crate) access: AccessPolicy,
    /// Read the request from a file in the form of HTTP/1.1; `-` is stdin. Its body is not read.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["method", "host", "headers", "target"])]
    pub(crate) raw: Option<PathBuf>,
    /// The request's method.
    #[arg(long, default_value = "GET")]
    pub(crate) method: String,
    /// The field `Host`.
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// A header field, as `Name: value`; may be given several times.
    #[arg(long = "header", short = 'H', value_name = "FIELD")]
    pub(crate) headers: Vec<String>,
    /// The path with its query, or a whole URL.
    #[arg(default_value = "/")]
    pub(crate) target: String,
    /// The variable that holds the bearer token.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "token_file")]
    pub(crate) token_env: Option<String>,
    /// The file that holds the bearer token.
    #[arg(long, value_name = "PATH")]
    pub(crate) token_file: Option<PathBuf>,
    /// Take the caller for this subject, verified, in place of a token.
    #[arg(long, conflicts_with_all = ["token_env", "token_file"])]
    pub(crate) subject: Option<Subject>,
    /// The issuer of that subject.
    #[arg(long, requires = "subject")]
    pub(crate) issuer: Option<String>,
    /// The tenant that their token is for, in the form of `resolution.jwt_claim_form`.
    #[arg(long, value_name = "NAME", requires = "subject")]
    pub(crate) claim: Option<String>,
    /// A role that their token gives; may be given several times.
    #[arg(long = "role", value_name = "ROLE", requires = "subject")]
    pub(crate) roles: Vec<Role>,
    /// Take them for staff of the platform.
    #[arg(long, requires = "subject")]
    pub(crate) staff: bool,
}
