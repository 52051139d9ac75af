//! What names are made of: short texts in place, and long ones that are small to move all the same.

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use heapless::String;

/// A text of at most `MAX` bytes, in place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Short<const MAX: usize>(String<MAX, u8>);

impl<const MAX: usize> Short<MAX> {
    /// `None` for a text that is too long.
    #[inline]
    pub(crate) fn new(text: &str) -> Option<Self> {
        String::try_from(text).ok().map(Self)
    }

    pub(crate) const fn blank() -> Self {
        Self(String::new())
    }

    /// Adds a text; whether there is room for it.
    #[inline]
    pub(crate) fn write(&mut self, text: &str) -> bool {
        self.0.push_str(text).is_ok()
    }

    /// As [`new`](Self::new), in lower case.
    pub(crate) fn lower(text: &str) -> Option<Self> {
        let mut lower = Self::new(text)?;
        lower.0.make_ascii_lowercase();
        Some(lower)
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

// In one copy: the derived one goes byte by byte.
impl<const MAX: usize> Clone for Short<MAX> {
    #[inline]
    fn clone(&self) -> Self {
        Self(String::try_from(self.as_str()).unwrap_or_default())
    }
}

/// A text of at most `MAX` bytes, where that is many. Requests hand names from step to step, so a name must be small
/// to move.
///
/// Up to `IN_PLACE` bytes stand in place: nearly every name does. A longer text is shared by its clones where there
/// is an allocator (feature `std`); without one, there is room in place for all of them.
#[derive(Clone)]
pub(crate) struct Text<const MAX: usize, const IN_PLACE: usize = 62>(Kept<MAX, IN_PLACE>);

/// With its length and its kind 24 bytes, where [`Text`] has 64: for names of which records hold many and which no
/// request spells.
pub(crate) type Brief<const MAX: usize> = Text<MAX, 22>;

/// 48 bytes: for identifiers that are longer than a UUID now and then.
pub(crate) type Identifier<const MAX: usize> = Text<MAX, 46>;

#[cfg(feature = "std")]
#[derive(Clone)]
enum Kept<const MAX: usize, const IN_PLACE: usize> {
    InPlace(Short<IN_PLACE>),
    Shared(std::sync::Arc<str>),
}

#[cfg(not(feature = "std"))]
#[derive(Clone)]
struct Kept<const MAX: usize, const IN_PLACE: usize>(Short<MAX>);

impl<const MAX: usize, const IN_PLACE: usize> Text<MAX, IN_PLACE> {
    /// `None` for a text that is too long.
    pub(crate) fn new(text: &str) -> Option<Self> {
        #[cfg(feature = "std")]
        return match Short::new(text) {
            Some(text) => Some(Self(Kept::InPlace(text))),
            None if text.len() <= MAX => Some(Self(Kept::Shared(text.into()))),
            None => None,
        };
        #[cfg(not(feature = "std"))]
        Short::new(text).map(|text| Self(Kept(text)))
    }

    /// As [`new`](Self::new), in lower case.
    pub(crate) fn lower(text: &str) -> Option<Self> {
        Self::new(Short::<MAX>::lower(text)?.as_str())
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        #[cfg(feature = "std")]
        return match &self.0 {
            Kept::InPlace(text) => text.as_str(),
            Kept::Shared(text) => text,
        };
        #[cfg(not(feature = "std"))]
        self.0.0.as_str()
    }
}

impl<const MAX: usize, const IN_PLACE: usize> PartialEq for Text<MAX, IN_PLACE> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<const MAX: usize, const IN_PLACE: usize> Eq for Text<MAX, IN_PLACE> {}

impl<const MAX: usize, const IN_PLACE: usize> PartialOrd for Text<MAX, IN_PLACE> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const MAX: usize, const IN_PLACE: usize> Ord for Text<MAX, IN_PLACE> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl<const MAX: usize, const IN_PLACE: usize> Hash for Text<MAX, IN_PLACE> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// What every parsed text has: display, comparison with text, parsing from text, serde.
macro_rules! text_traits {
    ($Name:ident) => {
        impl core::fmt::Display for $Name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl core::fmt::Debug for $Name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({:?})", stringify!($Name), self.as_str())
            }
        }

        impl AsRef<str> for $Name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $Name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $Name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl core::str::FromStr for $Name {
            type Err = $crate::names::ParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text.as_bytes())
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::string::String as serde::Deserialize>::deserialize(deserializer)?;
                Self::parse(text.as_bytes()).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use text_traits;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_short_texts_are_alike() {
        compare::<62>();
        compare::<22>();
    }

    fn compare<const IN_PLACE: usize>() {
        let texts = [0, 1, IN_PLACE - 1, IN_PLACE, IN_PLACE + 1, 64, 127, 128]
            .map(|length| std::string::String::from_iter(["A", "b"].into_iter().cycle().take(length)));
        for text in &texts {
            let kept = Text::<128, IN_PLACE>::new(text).unwrap();
            assert_eq!(kept.as_str(), text);
            assert_eq!(kept.clone().as_str(), text);
            assert!(kept == Text::new(text).unwrap());
            let lower = Text::<128, IN_PLACE>::lower(text).unwrap();
            assert_eq!(lower.as_str(), text.to_ascii_lowercase());
            for other in &texts {
                assert_eq!(kept.cmp(&Text::new(other).unwrap()), text.cmp(other));
            }
        }
        assert!(Text::<128, IN_PLACE>::new(&"a".repeat(129)).is_none());
        assert!(Text::<128, IN_PLACE>::lower(&"a".repeat(129)).is_none());
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_name_is_small_to_move() {
        assert_eq!(size_of::<Text<255>>(), 64);
        assert_eq!(size_of::<Brief<31>>(), 24);
        assert_eq!(size_of::<Identifier<128>>(), 48);
        assert!(size_of::<crate::names::TenantKey>() <= 72);
    }
}
