//! A repository whose queries are checked when it is compiled, on tenants' transactions.
//!
//! The queries name no tenant, and do not know the strategy. `sqlx::query!` checks them against the schema of a tenant's own
//! file (`migrations/tenant`): the view that stands for a shared table has the same columns. What it learned is in `.sqlx`,
//! so that no database is needed to compile; `README.md` says how it is written anew.
//!
//! ```
//! use sqlx_repository::{NewNote, NotesError, add_all, note, starred};
//! use tenancy_core::enforce::Admitted;
//! use tenancy_sqlx::TenantDb;
//!
//! async fn favourites(db: &TenantDb<sqlx::Sqlite>, tenant: &Admitted) -> Result<usize, NotesError> {
//!     let new = [NewNote { id: "1", body: "hello", stars: 5 }];
//!     db.run(tenant, async |tx| {
//!         add_all(&mut **tx, &new).await?;
//!         let first = note(&mut **tx, "1").await?;
//!         assert!(first.is_some());
//!         Ok(starred(&mut **tx, 3).await?.len())
//!     })
//!     .await
//! }
//! ```

mod repository;

pub use repository::{NewNote, Note, NotesError, add_all, count, note, search, starred};
