//! The alphabets of names.

use crate::{Form, Key};

/// `[a-z0-9][a-z0-9_-]{0,62}`: an id or a slug.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    let first_fits = text.chars().next().is_some_and(|first| letters.contains(first));
    first_fits && text.len() <= 63 && text.chars().all(|c| letters.contains(c) || c == '_' || c == '-')
}

/// `[A-Za-z0-9_.:|-]{1,128}`.
#[must_use]
pub fn is_external_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.:|-".contains(c))
}

/// Labels of 1 to 63 of `[A-Za-z0-9_-]` between dots, at most 253 bytes.
#[must_use]
pub fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// The key that untrusted bytes are, in the form that the source is configured for.
pub(crate) fn key(form: Form, bytes: &[u8]) -> Option<Key> {
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    let fits = match form {
        Form::Id | Form::Slug => is_id(&text),
        Form::External => is_external_id(&text),
        Form::Domain => is_domain(&text),
    };
    fits.then_some(Key { form, text })
}
