//! What an error of serde says, without the value that it quotes: that may be a secret in the wrong place.

/// The problem in words that name no value.
pub(super) fn without_values(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("invalid type: ") {
        let found = rest.split([' ', ',']).next().unwrap_or_default();
        return format!("expected {}, found {}", expected(rest), kind(found));
    }
    if message.starts_with("invalid ") {
        return format!("expected {}", expected(message));
    }
    if message.starts_with("unknown variant ") {
        return format!("expected {}", expected(message));
    }
    message.to_owned()
}

/// What serde expected: the last of its words, after the value that it quotes.
fn expected(message: &str) -> String {
    let expected = message
        .rsplit_once(", expected ")
        .map_or("another value", |(_, expected)| expected);
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative".to_owned(),
        "i64" => "a whole number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        "path string" => "a path in quotes".to_owned(),
        "a string" => "a text in quotes".to_owned(),
        other => other.to_owned(),
    }
}

fn kind(found: &str) -> &'static str {
    match found {
        "string" => "a text",
        "integer" => "a number",
        "floating" => "a fraction",
        "boolean" => "`true` or `false`",
        "sequence" => "a list",
        "map" => "a table",
        _ => "something else",
    }
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn no_value_is_repeated() {
        for (message, said) in [
            (
                "invalid type: string \"hidden\", expected u64",
                "expected a whole number that is not negative, found a text",
            ),
            (
                "invalid type: string \"a, expected b\", expected a sequence",
                "expected a list, found a text",
            ),
            (
                "invalid value: integer `-1`, expected u32",
                "expected a whole number that is not negative",
            ),
            (
                "invalid type: integer `5`, expected path string",
                "expected a path in quotes, found a number",
            ),
            (
                "unknown variant `hidden`, expected `claim` or `directory`",
                "expected `claim` or `directory`",
            ),
            (
                "unknown key `a`, did you mean `b`?",
                "unknown key `a`, did you mean `b`?",
            ),
        ] {
            assert_eq!(without_values(message), said);
        }
    }
}
