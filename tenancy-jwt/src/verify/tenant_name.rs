//! How a claim may write a tenant's name.

use std::borrow::Cow;

use crate::verify::json::Json;

/// How a claim may write a tenant's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TenantName {
    /// As a string.
    #[default]
    Text,
    /// As a string, or as a whole number, which stands for its digits.
    TextOrInteger,
}

impl TenantName {
    /// The name, unless the claim is written in another way.
    pub(crate) fn read(self, claim: &Json) -> Option<Cow<'_, str>> {
        match self {
            Self::Text => claim.as_text().map(Cow::Borrowed),
            Self::TextOrInteger => {
                let digits = || claim.as_whole().map(|number| number.to_string().into());
                claim.as_text().map(Cow::Borrowed).or_else(digits)
            }
        }
    }
}
