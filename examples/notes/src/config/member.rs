//! The members of a tenant: names, or tables that say more.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use tenancy_core::directory::Member;
use tenancy_core::names::Role;

use super::error::{ConfigError, parsed};

tenancy_core::config::settings! {
    /// A member's table.
    pub struct MemberTable {
        /// The `sub` of the member's tokens. Required.
        pub subject: Option<String> = None,
        /// The `iss` of the member's tokens. Default: any.
        pub issuer: Option<String> = None,
        /// The member's roles in the tenant. Default: none.
        pub roles: Vec<String> = Vec::new(),
    }
}

/// A member: `"alice"`, or `{ subject = "alice", issuer = "https://…", roles = ["editor"] }`.
#[derive(Clone, Debug)]
pub(crate) struct MemberConfig(MemberTable);

impl<'de> Deserialize<'de> for MemberConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrTable;

        impl<'de> Visitor<'de> for NameOrTable {
            type Value = MemberConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a subject, or a table with `subject`, `issuer` and `roles`")
            }

            fn visit_str<E: Error>(self, subject: &str) -> Result<MemberConfig, E> {
                let subject = Some(subject.to_owned());
                Ok(MemberConfig(MemberTable {
                    subject,
                    ..MemberTable::default()
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MemberConfig, A::Error> {
                MemberTable::deserialize(MapAccessDeserializer::new(map)).map(MemberConfig)
            }
        }

        deserializer.deserialize_any(NameOrTable)
    }
}

/// `list` is the name of the list.
pub(super) fn parse_members(members: &[MemberConfig], list: &str) -> Result<Vec<Member>, ConfigError> {
    let mut parsed: Vec<Member> = Vec::new();
    for (index, MemberConfig(table)) in members.iter().enumerate() {
        let key = format!("{list}[{index}]");
        let member = table.parse(&key)?;
        let is_same = |other: &Member| other.subject() == member.subject() && other.issuer() == member.issuer();
        if parsed.iter().any(is_same) {
            let problem = format!("`{}` is listed twice", member.subject());
            return Err(ConfigError::setting(key, problem));
        }
        parsed.push(member);
    }
    Ok(parsed)
}

impl MemberTable {
    fn parse(&self, table: &str) -> Result<Member, ConfigError> {
        let setting = |name: &str| format!("{table}.{name}");
        let subject = self
            .subject
            .as_ref()
            .ok_or_else(|| ConfigError::setting(setting("subject"), "required"))?;
        let roles: Vec<Role> = self
            .roles
            .iter()
            .map(|role| parsed(&setting("roles"), role))
            .collect::<Result<_, _>>()?;
        let member = Member::new(parsed(&setting("subject"), subject)?).with_roles(roles.into_iter().collect());
        match &self.issuer {
            Some(issuer) if issuer.is_empty() => Err(ConfigError::setting(
                setting("issuer"),
                "expected a text that is not empty",
            )),
            Some(issuer) => Ok(member.with_issuer(issuer.as_str())),
            None => Ok(member),
        }
    }
}
