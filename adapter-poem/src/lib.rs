//! Multi-tenancy for poem.
