//! Tables in which migration tools keep what they have run.

/// Names that only a migration tool gives, in lower case. With tenants in it the tool sees no migration as run, or
/// cannot write any.
pub(super) const MIGRATION_TABLES: &[&str] = &[
    "__diesel_schema_migrations",
    "__drizzle_migrations",
    "__efmigrationshistory",
    "__migrationhistory",
    "_prisma_migrations",
    "_sqlx_migrations",
    "alembic_version",
    "ar_internal_metadata",
    "atlas_schema_revisions",
    "databasechangelog",
    "databasechangeloglock",
    "django_migrations",
    "doctrine_migration_versions",
    "flyway_schema_history",
    "goose_db_version",
    "gorp_migrations",
    "knex_migrations",
    "knex_migrations_lock",
    "kysely_migration",
    "kysely_migration_lock",
    "liquibase_databasechangelog",
    "migratus_migrations",
    "mikro_orm_migrations",
    "phinxlog",
    "pgmigrations",
    "refinery_schema_history",
    "schema_migrations",
    "schema_migrations_lock",
    "schemamigrations",
    "seaql_migrations",
    "sequelizemeta",
    "south_migrationhistory",
    "typeorm_metadata",
];

/// Names that migration tools give, and applications too.
pub(super) const POSSIBLE_MIGRATION_TABLES: &[&str] = &[
    "migration",
    "migrations",
    "schema_history",
    "schema_version",
    "schemaversions",
];
