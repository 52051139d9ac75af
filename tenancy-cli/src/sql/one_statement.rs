//! Whether a text is one statement of SQLite, which has no way to prepare only one.

/// Whether nothing but white space and remarks follows the first `;` that ends a statement.
pub(super) fn is_one(sql: &str) -> bool {
    let mut rest = sql;
    let mut has_ended = false;
    while let Some(first) = rest.chars().next() {
        let (length, is_blank) = match first {
            '\'' | '"' | '`' => (quoted(rest, first), false),
            '[' => (until(rest, 1, "]"), false),
            '-' if rest.starts_with("--") => (until(rest, 2, "\n"), true),
            '/' if rest.starts_with("/*") => (until(rest, 2, "*/"), true),
            ';' => {
                has_ended = true;
                (1, true)
            }
            other => (other.len_utf8(), other.is_whitespace()),
        };
        if has_ended && !is_blank {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    true
}

/// The length of what ends with `end`, behind its first `skip` bytes; all of it if it does not end.
fn until(text: &str, skip: usize, end: &str) -> usize {
    let behind = text.get(skip..).unwrap_or_default();
    behind.find(end).map_or(text.len(), |at| skip + at + end.len())
}

/// The length of a quoted text, in which a doubled quote is one of its characters.
fn quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            match characters.peek() {
                Some((_, next)) if *next == quote => drop(characters.next()),
                _ => return at + quote.len_utf8(),
            }
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::is_one;

    #[test]
    fn what_follows_the_end_of_a_statement_is_another() {
        for one in [
            "select 1",
            "select 1;",
            "select ';' ; -- ; done\n /* ; */ ;",
            "select \"a;b\", [c;d], `e;f`, 'it''s; fine'",
            "select 1 -- ; delete from notes",
            "",
            "select 'open; end",
        ] {
            assert!(is_one(one), "{one}");
        }
        for several in [
            "select 1; select 2",
            "commit; delete from notes",
            "select 'a'';'; commit; select ';",
            "select 1 /* ; */; x",
            "select 1 --\n; drop table notes",
        ] {
            assert!(!is_one(several), "{several}");
        }
    }
}
