//! SeaORM on a tenant's transaction.
//!
//! SeaORM's own `DatabaseConnection` is a pool, whose connections are nobody's. [`TenantConnection`] takes its place: it is
//! one transaction, which sees one tenant, and implements SeaORM's `ConnectionTrait` and `TransactionTrait`, so entities,
//! active models and queries work on it as they are. What begins inside it is a savepoint.
//!
//! ```no_run
//! use sea_orm::{ActiveModelTrait, EntityTrait, Set};
//! use sea_orm_tenants::TenantConnection;
//! use tenancy_core::enforce::Admitted;
//! use tenancy_sqlx::TenantDb;
//!
//! mod note {
//!     use sea_orm::entity::prelude::*;
//!
//!     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
//!     #[sea_orm(table_name = "notes")]
//!     pub struct Model {
//!         #[sea_orm(primary_key, auto_increment = false)]
//!         pub id: String,
//!         pub body: String,
//!     }
//!
//!     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
//!     pub enum Relation {}
//!
//!     impl ActiveModelBehavior for ActiveModel {}
//! }
//!
//! # async fn example(db: TenantDb<sqlx::Sqlite>, tenant: &Admitted) -> Result<(), Box<dyn std::error::Error>> {
//! let orm = TenantConnection::begin(&db, tenant).await?;
//! let note = note::ActiveModel { id: Set("1".to_owned()), body: Set("hello".to_owned()) };
//! note.insert(&orm).await?;
//! let notes = note::Entity::find().all(&orm).await?; // The tenant's own.
//! orm.commit().await?;
//! # let _ = notes;
//! # Ok(()) }
//! ```
//!
//! The entity has no tenant column. Under the strategy `row` the database fills it in.

mod backend;
mod connection;
mod savepoint;
mod shared;

pub use backend::{Backend, Running, sqlx_error};
pub use connection::TenantConnection;
pub use savepoint::TenantSavepoint;
