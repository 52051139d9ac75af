//! The web frameworks that serve the application.

/// A framework as the command line names it.
pub(crate) type Framework = &'static str;

/// All of them. Each must answer every request alike.
pub(crate) const FRAMEWORKS: [Framework; 4] = [REFERENCE, "hyper", "poem", "warp"];

/// The one that the others are compared with.
pub(crate) const REFERENCE: Framework = "axum";
