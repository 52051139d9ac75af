//! What a type takes, what it refuses, and what a refusal says.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tenancy_cache::TenantSettings;

use super::{Documents, Plan, object};

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Everything {
    flag: bool,
    small: u8,
    signed: i64,
    ratio: f64,
    text: String,
    letter: Option<char>,
    limits: Limits,
    perhaps: Option<Limits>,
    list: Vec<Limits>,
    pair: (u8, u8),
    named: BTreeMap<String, Limits>,
    numbered: BTreeMap<u16, bool>,
    by_tier: BTreeMap<Tier, u8>,
    tier: Tier,
    hook: Option<Hook>,
    id: Wrapped,
    anything: Option<Value>,
    #[serde(alias = "colour")]
    color: String,
    #[serde(rename = "max-size")]
    max_size: u64,
    checked: Positive,
    strict: Strict,
    tagged: Option<Tagged>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Limits {
    rate: u32,
    burst: Option<u32>,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Tier {
    #[default]
    Free,
    Team,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Hook {
    Off,
    Url(String),
    Both(String, u8),
    Signed { url: String, key: Option<String> },
}

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Wrapped(u32);

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct Strict {
    seats: u32,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Tagged {
    Mail { address: String },
}

/// Its own code repeats the value in its error, as many do.
#[derive(Debug, Default, PartialEq)]
struct Positive(i64);

impl<'de> Deserialize<'de> for Positive {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text
            .parse()
            .map_err(|_| serde::de::Error::custom(format!("`{text}` is no number")))?;
        Ok(Self(number))
    }
}

fn checked<T: Default + DeserializeOwned + Send + Sync + 'static>(value: Value) -> Result<T, String> {
    let settings = TenantSettings::<T>::new(Documents::default()).unwrap();
    settings.check(&object(value)).map_err(|problem| problem.to_string())
}

#[test]
fn what_is_set_stands_over_the_defaults() {
    let default = Plan::default();
    for (value, expected) in [
        (json!({}), Plan::default()),
        (
            json!({"seats": 20}),
            Plan {
                seats: 20,
                ..Plan::default()
            },
        ),
        (
            json!({"per_second": 3}),
            Plan {
                per_second: Some(3),
                ..Plan::default()
            },
        ),
        (json!({"per_second": null}), default),
    ] {
        assert_eq!(checked::<Plan>(value.clone()), Ok(expected), "{value}");
    }
}

#[test]
fn every_kind_of_value_is_read() {
    let value = json!({
        "flag": true, "small": 255, "signed": -3, "ratio": 1, "text": "a", "letter": "ß",
        "limits": {"rate": 1}, "perhaps": {"burst": 2}, "list": [{}, {"rate": 3}], "pair": [1, 2],
        "named": {"a b": {"rate": 4}}, "numbered": {"7": true}, "by_tier": {"team": 1}, "tier": "team",
        "hook": {"signed": {"url": "u"}}, "id": 9, "anything": {"x": [1, {"y": null}]}, "colour": "red", "max-size": 10,
        "checked": "12", "strict": {"seats": 1}, "tagged": {"kind": "mail", "address": "a"},
    });
    let read = checked::<Everything>(value).unwrap();
    let limits = |rate, burst| Limits { rate, burst };
    let expected = Everything {
        flag: true,
        small: 255,
        signed: -3,
        ratio: 1.0,
        text: "a".to_owned(),
        letter: Some('ß'),
        limits: limits(1, None),
        perhaps: Some(limits(0, Some(2))),
        list: vec![limits(0, None), limits(3, None)],
        pair: (1, 2),
        named: BTreeMap::from([("a b".to_owned(), limits(4, None))]),
        numbered: BTreeMap::from([(7, true)]),
        by_tier: BTreeMap::from([(Tier::Team, 1)]),
        tier: Tier::Team,
        hook: Some(Hook::Signed {
            url: "u".to_owned(),
            key: None,
        }),
        id: Wrapped(9),
        anything: Some(json!({"x": [1, {"y": null}]})),
        color: "red".to_owned(),
        max_size: 10,
        checked: Positive(12),
        strict: Strict { seats: 1 },
        tagged: Some(Tagged::Mail {
            address: "a".to_owned(),
        }),
    };
    assert_eq!(read, expected);
    for (hook, expected) in [
        (json!("off"), Hook::Off),
        (json!({"off": null}), Hook::Off),
        (json!({"url": "x"}), Hook::Url("x".to_owned())),
        (json!({"both": ["x", 1]}), Hook::Both("x".to_owned(), 1)),
    ] {
        let read = checked::<Everything>(json!({ "hook": hook })).unwrap();
        assert_eq!(read.hook, Some(expected));
    }
}

#[test]
fn a_refusal_names_the_key() {
    for (value, expected) in [
        (json!({"flga": true}), "unknown key `flga`, did you mean `flag`?"),
        (
            json!({"limits": {"rat": 1}}),
            "unknown key `limits.rat`, did you mean `rate`?",
        ),
        (
            json!({"limits": {"xyz": 1}}),
            "unknown key `limits.xyz`, valid keys are `rate`, `burst`",
        ),
        (
            json!({"perhaps": {"brust": 1}}),
            "unknown key `perhaps.brust`, did you mean `burst`?",
        ),
        (
            json!({"list": [{}, {"rats": 1}]}),
            "unknown key `list[1].rats`, did you mean `rate`?",
        ),
        (
            json!({"named": {"x": {"rats": 1}}}),
            "unknown key `named.x.rats`, did you mean `rate`?",
        ),
        (
            json!({"hook": {"signed": {"url": "u", "kei": 1}}}),
            "unknown key `hook.signed.kei`, did you mean `key`?",
        ),
        (
            json!({"strict": {"seat": 1}}),
            "unknown key `strict.seat`, did you mean `seats`?",
        ),
        (
            json!({"tagged": {"kind": "mail", "address": "a", "adress": 1}}),
            "unknown key `tagged.adress`, did you mean `address`?",
        ),
        (
            json!({"max_size": 1}),
            "unknown key `max_size`, did you mean `max-size`?",
        ),
        (json!({"text": 1}), "`text` is an integer, expected a string"),
        (
            json!({"small": 256}),
            "`small` is an integer that is not valid, expected u8",
        ),
        (
            json!({"small": -1}),
            "`small` is an integer that is not valid, expected u8",
        ),
        (
            json!({"small": 1.5}),
            "`small` is a number with a fraction, expected u8",
        ),
        (json!({"flag": "true"}), "`flag` is a string, expected a boolean"),
        (json!({"flag": null}), "`flag` is null, expected a boolean"),
        (json!({"limits": []}), "`limits` is an array, expected struct Limits"),
        (
            json!({"limits": [1, 2]}),
            "`limits` is an array, expected struct Limits",
        ),
        (
            json!({"list": [{}, {"rate": "x"}]}),
            "`list[1].rate` is a string, expected u32",
        ),
        (
            json!({"pair": [1]}),
            "`pair` has a wrong length, expected a tuple of size 2",
        ),
        (
            json!({"pair": [1, 2, 3]}),
            "`pair` has a wrong length, expected no more than 2",
        ),
        (
            json!({"numbered": {"x": true}}),
            "`numbered.x` is a string, expected u16",
        ),
        (
            json!({"by_tier": {"gold": 1}}),
            "`by_tier.gold` is not valid, valid are `free`, `team`",
        ),
        (json!({"tier": "gold"}), "`tier` is not valid, valid are `free`, `team`"),
        (
            json!({"tier": {"team": 1}}),
            "`tier.team` is an integer, expected nothing",
        ),
        (
            json!({"tier": {"team": 1, "free": 1}}),
            "`tier` is an object, expected enum Tier",
        ),
        (json!({"hook": "url"}), "`hook` is a string, expected a value"),
        (
            json!({"hook": {"url": 1}}),
            "`hook.url` is an integer, expected a string",
        ),
        (
            json!({"hook": {"both": ["x", 1, 2]}}),
            "`hook.both` has a wrong length, expected no more than 2",
        ),
        (
            json!({"hook": {"signed": {}}}),
            "`hook.signed.url` has no default: give the type the attribute `#[serde(default)]`",
        ),
        (json!({"id": "x"}), "`id` is a string, expected u32"),
        (json!({"checked": "hunter2"}), "`checked` is not valid"),
        (
            json!({"color": "a", "colour": "b"}),
            "`color` is there twice, once by another name",
        ),
    ] {
        assert_eq!(checked::<Everything>(value.clone()).unwrap_err(), expected, "{value}");
    }
}

/// A value may be a key of another service, and a problem is logged.
#[test]
fn no_refusal_shows_a_value() {
    const SECRET: &str = "hunter2";
    let values = [
        json!(SECRET),
        json!([SECRET]),
        json!({"x": SECRET}),
        json!({"kind": SECRET}),
        json!([[SECRET]]),
    ];
    let settings = TenantSettings::<Everything>::new(Documents::default()).unwrap();
    let mut refused = 0;
    for key in [
        "flag", "small", "signed", "ratio", "letter", "limits", "perhaps", "list", "pair", "named", "numbered",
        "by_tier", "tier", "hook", "id", "color", "max-size", "checked", "strict", "tagged", "unknown", "text",
    ] {
        for value in &values {
            let document = object(json!({ key: value }));
            if let Err(problem) = settings.check(&document) {
                refused += 1;
                let shown = format!("{problem} {problem:?} {}", problem.key());
                assert!(!shown.contains(SECRET), "{key} {value}: {shown}");
                assert!(problem.key().starts_with(key), "{key} {value}: {problem}");
            }
        }
    }
    // `text` and `color` take a string.
    assert_eq!(refused, 22 * values.len() - 2);
}

/// A key is text of others, and stands in a log.
#[test]
fn a_key_stays_in_its_line_and_is_not_long() {
    let long = "k".repeat(10_000);
    for key in ["a\nb\u{1b}[2J", &*long] {
        let problem = checked::<Plan>(json!({ key: 1 })).unwrap_err();
        assert!(!problem.chars().any(char::is_control), "{problem}");
        assert!(problem.len() < 200, "{problem}");
    }
}
