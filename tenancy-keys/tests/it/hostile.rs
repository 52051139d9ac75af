//! Keys as an attacker writes them.

use proptest::prelude::*;

/// Tenants whose ids begin alike, or look like other parts of a key.
pub(crate) fn tenant() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(&["acme", "acme2", "acme-", "a", "aa", "acme_acme", "notes", "0"][..])
            .prop_map(str::to_owned),
        "[a-z0-9][a-z0-9_-]{0,62}",
    ]
}

pub(crate) fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(&["notes", "notes.acme", "acme", "a", "A", "x-y"][..]).prop_map(str::to_owned),
        "[A-Za-z0-9][A-Za-z0-9_.-]{0,20}",
    ]
}

/// Separators, other tenants' names, steps upwards, escapes of them, patterns, and anything.
pub(crate) fn key() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        prop::sample::select(
            &[
                "",
                ":",
                "::",
                "/",
                "//",
                "\\",
                ".",
                "..",
                "../",
                "/..",
                "%",
                "%2e%2e",
                "%2F",
                "%252e",
                "%00",
                "\0",
                "\n",
                " ",
                "acme",
                "acme2",
                "notes",
                "notes:acme:",
                ":acme:",
                "*",
                "?",
                "[a]",
                "[^a]",
                "\\*",
                "{acme}",
                "~",
                "#",
                "&",
                "ä",
                "\u{202e}",
                "．．",
                "/etc/passwd",
                "C:\\",
                "con",
                "a",
            ][..]
        )
        .prop_map(str::to_owned),
        "(?s).{0,4}",
    ];
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}
