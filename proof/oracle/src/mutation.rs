//! Mistakes that the oracle can be told to make.

/// One rule that the oracle gets wrong. Each must be noticed by a comparison with the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The last of two header fields wins.
    LastHeaderWins,
    /// White space around a header field stays.
    HeaderKeepsWhiteSpace,
    /// Upper case in a header field is folded.
    HeaderFoldsCase,
    /// An empty header field is an absent one.
    EmptyHeaderIsAbsent,
    /// The tenant's segment is decoded twice.
    DecodeTwice,
    /// Dot segments behind the tenant are harmless.
    DotSegmentsPass,
    /// A literal segment may match by its beginning.
    LiteralByPrefix,
    /// The base domain itself is a tenant, by its first label.
    ApexMatches,
    /// The dot before the base domain is not asked for.
    SuffixWithoutDot,
    /// The leftmost of several labels under the base is the tenant.
    DeepLabelMatches,
    /// A label that is no slug is silent.
    BadLabelIsSilent,
    /// Reserved names are tenants.
    ReservedMatches,
    /// The first of two `Host` fields wins.
    FirstHostWins,
    /// The target's authority wins over a `Host` that contradicts it.
    ContradictionPasses,
    /// A missing `Host` is no error in HTTP/1.1.
    MissingHostPasses,
    /// Entries of a forwarding field are counted from the left.
    ForwardedFromLeft,
    /// A forwarding field that is too short falls back to the request's own authority.
    ForwardedFallsBack,
    /// Forwarding fields are trusted without configuration.
    ForwardedWithoutTrust,
    /// The last of two query parameters wins.
    LastParameterWins,
    /// The first of two cookies wins.
    FirstCookieWins,
    /// Under `reject`, the first match wins.
    ConflictsPass,
    /// Ids and slugs are one key space.
    FormsAreOne,
    /// A malformed source that is reached is skipped.
    MalformedIsSkipped,
    /// Credentials are judged after the resolvers.
    CredentialsLast,
    /// Public routes read credentials without `jwt_claim`.
    PublicReadsCredentials,
    /// Anyone with credentials is a member.
    EveryoneIsMember,
    /// The list claim counts for nothing.
    ListClaimIgnored,
    /// A suspended tenant is served.
    SuspendedIsServed,
    /// Detailed disclosure tells archived from unknown.
    ArchivedIsTold,
    /// A route of callers reads the sources of a tenant's name.
    CallersAreResolved,
    /// A route of callers takes nobody.
    NobodyIsACaller,
    /// Staff enter a suspended tenant without the option.
    StaffNeedNoOption,
    /// Staff enter tenants that are archived or still being made.
    StaffEnterAnything,
}

impl Mutation {
    /// All mistakes.
    pub const ALL: [Self; 33] = [
        Self::LastHeaderWins,
        Self::HeaderKeepsWhiteSpace,
        Self::HeaderFoldsCase,
        Self::EmptyHeaderIsAbsent,
        Self::DecodeTwice,
        Self::DotSegmentsPass,
        Self::LiteralByPrefix,
        Self::ApexMatches,
        Self::SuffixWithoutDot,
        Self::DeepLabelMatches,
        Self::BadLabelIsSilent,
        Self::ReservedMatches,
        Self::FirstHostWins,
        Self::ContradictionPasses,
        Self::MissingHostPasses,
        Self::ForwardedFromLeft,
        Self::ForwardedFallsBack,
        Self::ForwardedWithoutTrust,
        Self::LastParameterWins,
        Self::FirstCookieWins,
        Self::ConflictsPass,
        Self::FormsAreOne,
        Self::MalformedIsSkipped,
        Self::CredentialsLast,
        Self::PublicReadsCredentials,
        Self::EveryoneIsMember,
        Self::ListClaimIgnored,
        Self::SuspendedIsServed,
        Self::ArchivedIsTold,
        Self::CallersAreResolved,
        Self::NobodyIsACaller,
        Self::StaffNeedNoOption,
        Self::StaffEnterAnything,
    ];
}
