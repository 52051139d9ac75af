//! What a Citus cluster adds to PostgreSQL: the questions that both strategies ask of one.

pub(super) mod cluster;
pub(super) mod several_statements;
pub(super) mod tenant_schemas;
