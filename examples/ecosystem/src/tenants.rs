use tenancy_axum::Tenancy;
use tenancy_axum::tenancy_http::ClaimsFromExtension;
use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::Enforcer;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{HeaderResolver, ResolverChain};

/// Why the tenants cannot be set up.
pub type SetUpError = Box<dyn std::error::Error + Send + Sync>;

/// The tenants, and who is a member of which.
pub type Tenants = MemoryDirectory;

/// Two tenants, `acme` with the member alice and `globex` with the member bob; the header `x-tenant-id` names them. Who
/// the caller is, another layer finds out, and leaves it as [`Claims`] in the request's extensions.
///
/// # Errors
///
/// None: the names are constant.
pub fn tenancy() -> Result<Tenancy, SetUpError> {
    let entry = |id: &str, member: &str| -> Result<_, SetUpError> {
        let record = TenantRecord::new(id.parse()?, "row".parse()?);
        Ok(MemoryEntry::new(record).with_member(member.parse()?))
    };
    let tenants = MemoryDirectory::new([entry("acme", "alice")?, entry("globex", "bob")?])?;
    let chain = ResolverChain::new().then(HeaderResolver::new("x-tenant-id".parse()?))?;
    // The callers' authentication reads the cookie, so responses vary by it.
    let authenticator = ClaimsFromExtension::<Claims>::new().with_field("cookie".parse()?);
    Ok(Tenancy::builder(Enforcer::new(chain), authenticator, tenants.clone())
        .with_authorizer(tenants)
        .build())
}
