//! Requests, configurations and answers as plain data.

/// One question: this request, under this configuration, with these tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// How tenants are named and who is let in.
    pub configuration: Configuration,
    /// All tenants that there are.
    pub tenants: Vec<Tenant>,
    /// The mark that the route stands under.
    pub mark: Mark,
    /// What the client sent.
    pub request: Request,
}

/// What a case comes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// A member acts in a tenant.
    Admitted {
        /// The tenant's id.
        tenant: String,
        /// Which resolver named it.
        resolver: String,
    },
    /// Anyone reads what a tenant shows.
    Visit {
        /// The tenant's id.
        tenant: String,
        /// Which resolver named it.
        resolver: String,
    },
    /// An optional route, and no tenant is named.
    NoTenant,
    /// A route of callers, and one is verified.
    Caller {
        /// Who.
        subject: String,
    },
    /// The request ends.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable name of the refusal.
        code: String,
    },
}

/// The configuration that a chain of resolvers is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The resolvers, in order.
    pub sources: Vec<Source>,
    /// The field that `header` reads.
    pub header_name: String,
    /// The domain that `subdomain` reads labels under, and that `domain` leaves alone.
    pub base_domain: Option<String>,
    /// What `path` matches.
    pub path_template: String,
    /// The parameter that `query` reads.
    pub query_parameter: String,
    /// The cookie that `cookie` reads.
    pub cookie_name: String,
    /// Names that are no tenants.
    pub reserved: Vec<String>,
    /// Whether sources that disagree end the request; else the first that matches wins.
    pub reject_conflicts: bool,
    /// The trusted forwarding field, and the number of trusted hops.
    pub forwarding: Option<(ForwardingField, u8)>,
    /// What makes a caller a member.
    pub membership: Membership,
    /// Whether the refusals of a tenant are told apart.
    pub detailed: bool,
    /// Whether staff of the platform are let into tenants at all.
    pub staff_enter: bool,
    /// Whether they are let into suspended ones, too.
    pub staff_in_suspended: bool,
}

/// A resolver, and the form in which it names tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A header field.
    Header(Form),
    /// The tenant claim of a verified token. Its form is the claim's own.
    JwtClaim,
    /// The label under the base domain.
    Subdomain(Form),
    /// The whole host name.
    Domain,
    /// A segment of the path.
    Path(Form),
    /// A parameter of the query.
    Query(Form),
    /// A cookie.
    Cookie(Form),
}

impl Source {
    /// The resolver's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header(_) => "header",
            Self::JwtClaim => "jwt_claim",
            Self::Subdomain(_) => "subdomain",
            Self::Domain => "domain",
            Self::Path(_) => "path",
            Self::Query(_) => "query",
            Self::Cookie(_) => "cookie",
        }
    }
}

/// The forms in which a text names a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// The immutable id.
    Id,
    /// The name in addresses.
    Slug,
    /// An identity provider's organisation id.
    External,
    /// A host name of the tenant's own.
    Domain,
}

/// The name of a tenant: a form, and a text that is well-formed in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The key space.
    pub form: Form,
    /// The text.
    pub text: String,
}

/// A forwarding field that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardingField {
    /// `X-Forwarded-Host`.
    XForwardedHost,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// What makes a caller a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// The verified token names the tenant.
    Claim,
    /// The tenant lists the token's subject.
    Directory,
}

/// A tenant, as the directory knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Immutable.
    pub id: String,
    /// Unique, may be renamed.
    pub slug: String,
    /// The identity provider's organisation id.
    pub external_id: Option<String>,
    /// Host names of its own.
    pub domains: Vec<String>,
    /// Where it is in its life.
    pub status: Status,
    /// The subjects that are members.
    pub members: Vec<String>,
}

impl Tenant {
    /// Whether the tenant goes by `key`.
    #[must_use]
    pub fn answers_to(&self, key: &Key) -> bool {
        match key.form {
            Form::Id => self.id == key.text,
            Form::Slug => self.slug == key.text,
            Form::External => self.external_id.as_ref() == Some(&key.text),
            Form::Domain => self.domains.contains(&key.text),
        }
    }
}

/// Where a tenant is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Being made.
    Provisioning,
    /// Served.
    Active,
    /// Refused for now.
    Suspended,
    /// Gone.
    Archived,
}

/// The marks of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Members alone.
    Scoped,
    /// Members, or no tenant at all.
    Optional,
    /// Anyone.
    Public,
    /// A caller who shows who they are, in no tenant.
    Authenticated,
}

/// What the client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The protocol's version.
    pub version: Version,
    /// The method, which decides what the target can be.
    pub method: String,
    /// What is asked for.
    pub target: Target,
    /// The header fields in the order received, names in any case.
    pub fields: Vec<(String, Vec<u8>)>,
    /// What reading the credentials has come to.
    pub credentials: Credentials,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The request line's target: origin form, absolute form, authority form, or `*`.
    Line(String),
    /// HTTP/2's pseudo-header fields.
    Pseudo {
        /// `:authority`.
        authority: Option<String>,
        /// `:path`, with the query.
        path: String,
    },
}

/// The versions that the rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2 and HTTP/3.
    Http2,
}

/// What reading the credentials has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// None are shown.
    Absent,
    /// Several are shown.
    Malformed,
    /// They do not hold.
    Invalid,
    /// They hold.
    Verified {
        /// Who the caller is.
        subject: String,
        /// The tenant claim.
        tenant: Option<Key>,
        /// The list claim.
        tenants: Vec<Key>,
        /// Whether the caller is staff of the platform.
        is_staff: bool,
    },
}
