//! Which keys a change of settings concerns: what its event says.

use serde_json::{Map, Value};

/// The keys whose values differ, one a line: those that had a value before, and those that have one since. `None` where there are
/// none. A key has no line end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChangedKeys {
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl ChangedKeys {
    /// `None` if the objects are equal.
    pub(super) fn between(before: &Map<String, Value>, after: &Map<String, Value>) -> Option<Self> {
        if before == after {
            return None;
        }
        Some(Self {
            before: differing(before, after),
            after: differing(after, before),
        })
    }
}

/// The keys of `one` that `other` has not, or with another value.
fn differing(one: &Map<String, Value>, other: &Map<String, Value>) -> Option<String> {
    let differs = |(key, value): &(&String, &Value)| other.get(*key) != Some(*value);
    let keys: Vec<&str> = one.iter().filter(differs).map(|(key, _)| key.as_str()).collect();
    (!keys.is_empty()).then(|| keys.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_named_and_values_are_not() {
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        let keys = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (before, after, expected) in [
            (json!({}), json!({}), None),
            (json!({"a": 1, "b": [2]}), json!({"b": [2], "a": 1}), None),
            (json!({}), json!({"a": 1}), Some(("", "a"))),
            (json!({"a": 1}), json!({}), Some(("a", ""))),
            (json!({"a": 1}), json!({"a": 2}), Some(("a", "a"))),
            // Also where both are read as the same number.
            (json!({"a": 1}), json!({"a": 1.0}), Some(("a", "a"))),
            (json!({"a": null}), json!({}), Some(("a", ""))),
            (
                json!({"a": 1, "b": 1, "c": {"x": 1}}),
                json!({"b": 1, "c": {"x": 2}, "d": 1}),
                Some(("a\nc", "c\nd")),
            ),
        ] {
            let found = ChangedKeys::between(&object(before.clone()), &object(after.clone()));
            let expected = expected.map(|(before, after)| ChangedKeys {
                before: keys(before),
                after: keys(after),
            });
            assert_eq!(found, expected, "{before} {after}");
        }
    }
}
