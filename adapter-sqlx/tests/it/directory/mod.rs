//! What the directory does alike on both databases: each test is written once, and run on each.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod across_tenants;
mod cost;
mod events;
mod events_order;
mod finding;
mod impersonation;
mod jobs;
mod lifecycle;
mod metadata;
mod operating;
mod pages;
mod settings;
mod tenants_of;

use tenancy_core::directory::{Member, TenantStatus};
use tenancy_core::enforce::{Access, Caller, Enforcer, Outcome, Step};
use tenancy_core::names::TenantId;
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target};
use tenancy_core::resolve::ResolverChain;
use tenancy_sqlx::{NewTenant, PgDirectory, SqliteDirectory};

use crate::postgres::support::server::TestDatabase;

/// Runs a test, which is generic over the database, on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($name:ident, $run:path) => {
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                let folder = tempfile::tempdir().unwrap();
                $run(&crate::directory::sqlite(&folder).await).await;
            }

            #[tokio::test]
            async fn postgres() {
                let database = crate::postgres::support::server::TestDatabase::new().await;
                $run(&crate::directory::postgres(&database).await).await;
            }
        }
    };
}
use on_both;

async fn sqlite(folder: &tempfile::TempDir) -> SqliteDirectory {
    let file = folder.path().join("directory.sqlite");
    SqliteDirectory::open(file).await.unwrap()
}

async fn postgres(database: &TestDatabase) -> PgDirectory {
    PgDirectory::open(database.administrator()).await.unwrap()
}

fn id(text: &str) -> TenantId {
    text.parse().unwrap()
}

fn active(id: &str) -> NewTenant {
    NewTenant::new(id.parse().unwrap(), "row".parse().unwrap()).with_status(TenantStatus::Active)
}

/// A member by one issuer; `""` is by any.
fn member(subject: &str, issuer: &str, roles: &[&str]) -> Member {
    let roles = roles.iter().map(|role| role.parse().unwrap()).collect();
    let member = Member::new(subject.parse().unwrap()).with_roles(roles);
    if issuer.is_empty() {
        member
    } else {
        member.with_issuer(issuer)
    }
}

/// The caller whose credential says this, as a layer under the access policy `authenticated` finds them.
fn caller_of(claims: &Claims) -> Caller {
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &HeaderList::new(&[]),
        credentials: Credentials::Verified(claims),
    };
    match Enforcer::new(ResolverChain::new()).begin(&request, Access::Authenticated, &mut None) {
        Step::Done(Outcome::Authenticated(caller)) => caller,
        other => panic!("{other:?}"),
    }
}
