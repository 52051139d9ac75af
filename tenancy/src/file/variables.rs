//! Where secrets come from: environment variables, and files beside the configuration.

use std::collections::HashMap;
#[cfg(feature = "postgres")]
use std::env::{self, VarError};
use std::fmt;

/// The variables that a configuration may name: those that code gives, and then the process's own environment.
#[derive(Clone, Default)]
pub(crate) struct Variables(HashMap<String, String>);

/// Why a variable has no value.
#[cfg(feature = "postgres")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoVariable {
    Unset,
    NotUnicode,
    NoName,
}

impl Variables {
    pub(crate) fn set(&mut self, name: String, value: String) {
        self.0.insert(name, value);
    }

    #[cfg(feature = "postgres")]
    pub(super) fn get(&self, name: &str) -> Result<String, NoVariable> {
        if !is_name(name) {
            return Err(NoVariable::NoName);
        }
        if let Some(value) = self.0.get(name) {
            return Ok(value.clone());
        }
        env::var(name).map_err(|error| match error {
            VarError::NotPresent => NoVariable::Unset,
            VarError::NotUnicode(_) => NoVariable::NotUnicode,
        })
    }
}

/// Letters, digits and `_`: a URL that stands where its variable's name should be is none, and is not repeated.
#[cfg(feature = "postgres")]
fn is_name(name: &str) -> bool {
    let is_character = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(is_character)
        && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// The values are secrets.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
