//! The tables `[resolution]` and `[enforcement]`, with everything that is wrong with them.

use std::sync::Arc;

use tenancy_core::config::{ConfigError, TenancyConfig};
use tenancy_core::enforce::Enforcer;
use tenancy_core::names::ReservedNames;
use tenancy_core::resolve::Resolver;

use super::check::Check;

/// Builds the enforcer, or notes each problem: the core names the first one, so what it names is taken out, and the rest is
/// checked again. `without` reads the tables once more without a key.
pub(crate) fn build_enforcer(
    config: &TenancyConfig,
    resolvers: &[Arc<dyn Resolver>],
    mut without: impl FnMut(&str) -> Option<TenancyConfig>,
    check: &mut Check,
) -> Option<(Enforcer, ReservedNames)> {
    let mut rest = config.clone();
    let mut is_whole = true;
    loop {
        let built = rest.enforcer_with(resolvers);
        let built = built.and_then(|enforcer| Ok((enforcer, rest.resolution.reserved_names()?)));
        let error = match built {
            Ok(built) => return is_whole.then_some(built),
            Err(error) => error,
        };
        is_whole = false;
        if error.key() == RESOLVERS {
            each_resolver(&rest, resolvers, &error, check);
            return None;
        }
        note(&error, check);
        match without(error.key()) {
            Some(without) => rest = without,
            // A setting that a resolver lacks.
            None => {
                each_resolver(&rest, resolvers, &error, check);
                return None;
            }
        }
    }
}

const RESOLVERS: &str = "resolution.resolvers";

/// What is wrong with each resolver by itself, and with all of them together.
fn each_resolver(config: &TenancyConfig, resolvers: &[Arc<dyn Resolver>], all: &ConfigError, check: &mut Check) {
    for name in &config.resolution.resolvers {
        let mut one = config.clone();
        one.resolution.resolvers = vec![name.clone()];
        if let Err(error) = one.enforcer_with(resolvers) {
            note(&error, check);
        }
    }
    note(all, check);
}

fn note(error: &ConfigError, check: &mut Check) {
    let text = error.to_string();
    let problem = text.strip_prefix(&format!("`{}`: ", error.key())).unwrap_or(&text);
    check.problem(error.key(), problem);
}
