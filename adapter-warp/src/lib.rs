//! Multi-tenancy for warp.
