//! Which faults there are, and what each leads to.

/// How much a fault matters.
///
/// ```
/// use tenancy_sqlx::{PgFault, PgSeverity};
///
/// assert_eq!(PgFault::RowSecurityOff.severity(), PgSeverity::Unsafe);
/// assert_eq!(PgFault::GrantMissing.severity(), PgSeverity::Notice);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PgSeverity {
    /// The service works less than it could: statements fail that should succeed. No tenant's data is exposed, so the
    /// strategy logs the finding as a warning and opens.
    Notice,
    /// One tenant can read, change or learn of another tenant's rows. The strategy does not open.
    Unsafe,
}

/// A way in which a database does not keep tenants' rows apart, or does not let the application work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PgFault {
    /// The application connects as another role than is declared, or to another database than was verified.
    ConnectionDiffers,
    /// The administrator connects as another role than is declared.
    AdministratorDiffers,
    /// A policy may hide rows of a declared table from the administrator, or none shows all of them.
    AdministratorFiltered,
    /// The application's role does not exist.
    RoleMissing,
    /// One role is declared for the application and the administrator.
    RoleShared,
    /// The application's role is a superuser, or has `BYPASSRLS`.
    RoleBypasses,
    /// The application's role may make roles, or replicate.
    RoleManages,
    /// The application's role is a member of one that sees everything.
    RoleMember,
    /// The application's role owns the database.
    DatabaseOwned,
    /// The application's role may make objects in a schema of declared tables.
    SchemaCreate,
    /// The setting has a value outside of transactions.
    SettingPreset,
    /// A role, the database or a connection presets a parameter that decides which role runs, whether policies and
    /// triggers are applied, or whether large objects have owners.
    ParameterPreset,
    /// The setting does not keep its value within a transaction, or keeps it beyond; on Citus, or does not reach
    /// the workers.
    SettingLost,
    /// The extension that the declaration is made for is not installed.
    ExtensionMissing,
    /// A declared table is not there, or is no table.
    TableMissing,
    /// A declared table of a Citus cluster is neither distributed nor a reference table.
    TableNotDistributed,
    /// The application's role owns a declared table.
    TableOwned,
    /// Row-level security is off.
    RowSecurityOff,
    /// Row-level security does not hold for the owner.
    RowSecurityNotForced,
    /// The restrictive policy is not there, or not as declared.
    PolicyDiffers,
    /// A policy lets other roles in.
    PolicyForOthers,
    /// The tenant's column is not there.
    ColumnMissing,
    /// The tenant's column is of another type than is declared, or of one that compares other than byte by byte, such as
    /// `char(n)`.
    ColumnType,
    /// The tenant's column may be null.
    ColumnNullable,
    /// The tenant's column has a non-deterministic collation, which calls different ids equal.
    ColumnCollation,
    /// A table that has a tenant's column is not declared.
    TableUndeclared,
    /// A unique key does not hold the tenant's column.
    KeyWithoutTenant,
    /// A foreign key does not pair the tenant's columns.
    ForeignKeyWithoutTenant,
    /// A foreign key's action changes rows of every tenant when the application writes to a table without tenants.
    ForeignKeyAcross,
    /// A foreign key's action writes null or a default into the tenant's column.
    ForeignKeyClearsTenant,
    /// A right that row-level security does not cover, or a right of everybody.
    Grant,
    /// A partition or child table can be reached directly.
    ChildOpen,
    /// A table that a declared one inherits from, or is a partition of, can be reached.
    ParentOpen,
    /// A rule rewrites queries of the table, or reaches it from another table or view that the application may write.
    Rule,
    /// A view reads as its owner.
    ViewAsOwner,
    /// A materialized view keeps rows of all tenants.
    MaterializedView,
    /// A function runs as an owner who sees everything.
    FunctionAsOwner,
    /// A trigger that the application starts by writing runs as an owner who sees everything.
    TriggerAsOwner,
    /// Large objects can be read, which have no tenant.
    LargeObjects,
    /// A declared view is not there, is no plain view, or reads no declared table.
    ViewDiffers,
    /// A Citus cluster distributes the table, which is not declared for one.
    ClusterUnsupported,
    /// On Citus, a policy beside the tenant's holds for others than the administrator.
    PolicyBeside,
    /// The node that a Citus cluster is reached by has shards of a declared table.
    LocalShards,
    /// A shard, or a role on its node, is not as the coordinator has the table; or its node does not say.
    ShardDiffers,
    /// On Citus, the tenant's column has no default, or another than is declared.
    DefaultMissing,
    /// A connection is to a worker of a Citus cluster, and not to its coordinator.
    NotCoordinator,
    /// The coordinator of a Citus cluster cannot log in on a worker as the application, or not reach it.
    WorkerUnreachable,
    /// Sessions of the application begin with `citus.propagate_set_commands`.
    PropagationPreset,
    /// A tenant's schema, or tables in it, are not where Citus places the schema.
    SchemaNotDistributed,
    /// The application lacks a right that the declaration gives it.
    GrantMissing,
}

impl PgFault {
    /// Whether it breaks the isolation of tenants, or only the service.
    ///
    /// A missing right breaks the service: the statement that needs it is refused, and nothing is read or written. So
    /// does a Citus cluster that is not whole. Every other fault breaks the isolation.
    #[must_use]
    pub const fn severity(self) -> PgSeverity {
        match self {
            Self::GrantMissing
            | Self::WorkerUnreachable
            | Self::PropagationPreset
            | Self::SchemaNotDistributed
            | Self::DefaultMissing => PgSeverity::Notice,
            _ => PgSeverity::Unsafe,
        }
    }

    /// What it leads to, in one sentence.
    #[must_use]
    pub const fn risk(self) -> &'static str {
        match self {
            Self::ConnectionDiffers => "what was proved is not what serves requests",
            Self::AdministratorDiffers => "what was declared for the administrator does not hold for who administers",
            Self::AdministratorFiltered => {
                "removals, migrations and transactions across tenants miss rows, without an error"
            }
            Self::RoleMissing => "nobody knows what the application will connect as",
            Self::RoleShared => {
                "the role owns the tables and sees every tenant; connect the application as another role, and declare that"
            }
            Self::RoleBypasses => "no policy holds for the role: it sees every tenant",
            Self::RoleManages => "the role can give itself rights that see every tenant",
            Self::RoleMember => "`SET ROLE`, or inherited rights, see every tenant",
            Self::DatabaseOwned => "an owner makes objects in `public`, and presets the setting for every session",
            Self::SchemaCreate => "objects of its own can stand in front of the guarded ones",
            Self::SettingPreset => "a transaction that is bound to no tenant is bound to this one",
            Self::ParameterPreset => "sessions run as another role, or without policies, triggers or foreign keys",
            Self::SettingLost => "transactions are bound to no tenant, or to one that is not theirs",
            Self::ExtensionMissing => "what is declared is not what there is",
            Self::TableMissing => {
                "what is declared is not what is guarded: make the table by a migration, or declare the one that there is"
            }
            Self::TableNotDistributed => "all its rows are on one machine, which every tenant's queries go to",
            Self::TableOwned => "an owner can turn row-level security off",
            Self::RowSecurityOff => "every query sees every tenant",
            Self::RowSecurityNotForced => "the owner, and their views and functions, see every tenant",
            Self::PolicyDiffers => "rows are kept apart by another rule than the declared one, or by none",
            Self::PolicyForOthers => "the restrictive policy does not hold for these roles",
            Self::ColumnMissing => {
                "no row says whose it is; `PgRowTables::adopt` makes tables without tenants tables that tenants share"
            }
            Self::ColumnType => {
                "ids are compared by other rules than the declared type's; declare the type that the column has \
                (`PgTenantColumn`), or alter the column"
            }
            Self::ColumnNullable => "a row can be nobody's; `PgRowTables::adopt` fills the column",
            Self::ColumnCollation => "a tenant reads the rows of another, whose id the collation calls equal",
            Self::TableUndeclared => "its rows are not guarded",
            Self::KeyWithoutTenant => {
                "a conflict tells of another tenant's row, and one tenant can take another's keys"
            }
            Self::ForeignKeyWithoutTenant => {
                "a row can refer to another tenant's, learn that it is there, and be deleted with it"
            }
            Self::ForeignKeyAcross => "what one tenant deletes or updates there deletes or changes rows of the others",
            Self::ForeignKeyClearsTenant => {
                "a row becomes nobody's or the default's, or the referred row cannot be deleted"
            }
            Self::Grant => {
                "`TRUNCATE` empties all tenants' rows, `REFERENCES` tells of them, `TRIGGER` runs code for them"
            }
            Self::ChildOpen => "a query of the child does not ask the parent's policies",
            Self::ParentOpen => "a query of the parent reads the children's rows, and does not ask their policies",
            Self::Rule => "a rule's queries run as the table's owner",
            Self::ViewAsOwner => "it shows what its owner sees: every tenant",
            Self::MaterializedView => "it has no row-level security, and holds every tenant's rows",
            Self::FunctionAsOwner => "it can read and write what its owner can: every tenant",
            Self::TriggerAsOwner => "a write of one tenant can read and change every tenant's rows",
            Self::LargeObjects => "they belong to a role, so every tenant's transactions read them by their numbers",
            Self::ViewDiffers => "what is declared is not what there is",
            Self::ClusterUnsupported => {
                "restrictive policies become permissive on shards, and every tenant sees every row; \
                declare the tables `with_citus`, or use the strategy `schema`"
            }
            Self::PolicyBeside => "on shards every policy is permissive: what one shows, no other hides",
            Self::LocalShards => {
                "`insert … select` and `COPY` write rows of any tenant there; have the coordinator hold no shards, and \
                move these by `citus_drain_node`"
            }
            Self::ShardDiffers => "rows of that shard are kept apart by another rule than the declared one, or by none",
            Self::DefaultMissing => {
                "an `INSERT` that leaves the column out is refused; Citus takes no default for it afterwards: \
                `undistribute_table`, set it, and distribute the table again"
            }
            Self::NotCoordinator => {
                "schemas and policies are changed on the coordinator alone, and it knows what holds"
            }
            Self::WorkerUnreachable => {
                "every query whose rows are there fails; give the application's role an entry in the coordinator's \
                passfile or the worker's `pg_hba.conf`"
            }
            Self::PropagationPreset => {
                "what begins a transaction is sent to the workers whole, which refuse it; reset it for the role, or \
                connect without a pooler, where the connection pins it"
            }
            Self::SchemaNotDistributed => "its rows are on the coordinator, which every tenant's queries go through",
            Self::GrantMissing => "statements of the application that need the right are refused",
        }
    }
}
