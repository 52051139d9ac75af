//! A tenant's catalog: its objects, and what of each is compared.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The text of a function or the like, as the tenant has it: it is compared only where it does not contain the tenant's own name.
pub(super) const BODY: &str = "body";

/// One object of a catalog, as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The table or view that it belongs to.
    pub(crate) parent: Option<String>,
    /// What of it is compared, and how it is.
    pub(crate) aspects: Vec<(&'static str, Option<String>)>,
}

/// All objects of one tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    pub(super) own: OwnName,
    pub(super) objects: BTreeMap<Key, Object>,
}

/// Which object it is. A name with a point in it may be that of two: then it matters what they belong to. That of a sequence is no part of
/// its name, and may change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: String,
    pub(super) name: String,
    parent: Option<String>,
    /// Among those of the same name.
    number: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) parent: Option<String>,
    pub(super) aspects: Vec<(&'static str, Option<String>)>,
}

impl Catalog {
    pub(crate) fn new(own: OwnName) -> Self {
        Self {
            own,
            objects: BTreeMap::new(),
        }
    }

    pub(crate) fn insert(&mut self, fact: Fact) {
        let Fact {
            kind,
            name,
            parent,
            aspects,
        } = fact;
        let mut key = Key {
            parent: parent.clone().filter(|_| kind != "sequence"),
            kind,
            name,
            number: 0,
        };
        while self.objects.contains_key(&key) {
            key.number += 1;
        }
        self.objects.insert(key, Object { parent, aspects });
    }

    /// What it was made of.
    pub(super) fn facts(&self) -> impl Iterator<Item = Fact> {
        self.objects.iter().map(|(key, object)| Fact {
            kind: key.kind.clone(),
            name: key.name.clone(),
            parent: object.parent.clone(),
            aspects: object.aspects.clone(),
        })
    }
}

/// The name of a tenant's own schema or database, which stands for itself in definitions. A file has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnName(String);

/// What takes its place. No definition of PostgreSQL's has it where a name could stand.
const SELF: &str = "@";

impl OwnName {
    #[cfg(any(feature = "postgres", test))]
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Whether the text contains the name, as a word.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.next_in(text).is_some()
    }

    /// The text, in which the name is what any tenant's is.
    pub(super) fn replace<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.next_in(text).is_none() {
            return Cow::Borrowed(text);
        }
        let (mut replaced, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, after)) = self.next_in(rest) {
            match (before.strip_suffix('"'), after.strip_prefix('"')) {
                // It is quoted where it has to be.
                (Some(before), Some(after)) => {
                    replaced.push_str(before);
                    rest = after;
                }
                _ => {
                    replaced.push_str(before);
                    rest = after;
                }
            }
            replaced.push_str(SELF);
        }
        replaced.push_str(rest);
        Cow::Owned(replaced)
    }

    /// What stands before the name, and behind it, where it is a word of its own.
    fn next_in<'t>(&self, text: &'t str) -> Option<(&'t str, &'t str)> {
        if self.0.is_empty() {
            return None;
        }
        text.match_indices(&*self.0).find_map(|(at, name)| {
            let (before, behind) = (text.get(..at)?, text.get(at + name.len()..)?);
            let is_word = !before.ends_with(is_part_of_a_name) && !behind.starts_with(is_part_of_a_name);
            is_word.then_some((before, behind))
        })
    }
}

fn is_part_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_replaced_where_it_is_a_word() {
        let own = OwnName::new("tenant_a");
        for (text, replaced) in [
            (
                "nextval('tenant_a.notes_id_seq'::regclass)",
                "nextval('@.notes_id_seq'::regclass)",
            ),
            (
                "select tenant_a.f(x), my_tenant_a.f(x), tenant_ab.f(x)",
                "select @.f(x), my_tenant_a.f(x), tenant_ab.f(x)",
            ),
            ("\"tenant_a\".\"odd\"", "@.\"odd\""),
            ("search_path=tenant_a, pg_temp", "search_path=@, pg_temp"),
            ("tenant_a", "@"),
            ("x tenant_a$ y", "x tenant_a$ y"),
            ("", ""),
        ] {
            assert_eq!(own.replace(text), replaced);
            assert_eq!(own.is_in(text), text != replaced);
        }
        assert_eq!(OwnName::default().replace("a"), "a");
        assert_eq!(OwnName::new("a-b").replace("\"a-b\".c, a.b"), "@.c, a.b");
    }
}
