//! The statements of a migration, as far as their first words and the names in them.

use std::ops::ControlFlow;

/// A word, a quoted name or a symbol of a statement. What stands in strings and comments is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// In lower case, as PostgreSQL reads it.
    Word(String),
    /// A name in double quotes, without them.
    Quoted(String),
    /// One character, or the place of a string.
    Symbol(char),
}

impl Token {
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found == word)
    }

    #[cfg(feature = "postgres")]
    /// The token as a name.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            Self::Symbol(_) => None,
        }
    }
}

/// One statement.
pub(crate) type Statement = Vec<Token>;

#[cfg(feature = "postgres")]
/// Whether the statement begins with these words.
pub(crate) fn begins_with(statement: &[Token], words: &[&str]) -> bool {
    statement.len() >= words.len() && statement.iter().zip(words).all(|(token, word)| token.is(word))
}

#[cfg(feature = "postgres")]
/// The first statement that ends the transaction in which it runs, by its first word.
pub(crate) fn ends_its_transaction(sql: &str) -> Option<String> {
    let ends = |statement: &&Statement| {
        let is_to_savepoint = statement.iter().take(4).any(|token| token.is("to"));
        let ends = ["commit", "end", "abort"]
            .iter()
            .any(|word| begins_with(statement, &[word]));
        ends || begins_with(statement, &["prepare", "transaction"])
            || begins_with(statement, &["rollback"]) && !is_to_savepoint
    };
    let found = statements(sql);
    let token = found.iter().find(ends)?.first()?;
    token.name().map(str::to_owned)
}

/// The statements of a text. A function's body of the form `begin atomic … end` belongs to its statement.
pub(crate) fn statements(sql: &str) -> Vec<Statement> {
    let mut statements = vec![Statement::new()];
    let (mut rest, mut depth) = (sql, 0_usize);
    loop {
        match next(rest) {
            ControlFlow::Break(()) => break,
            ControlFlow::Continue((None, after)) => rest = after,
            ControlFlow::Continue((Some(token), after)) => {
                rest = after;
                let Some(statement) = statements.last_mut() else { break };
                let is_atomic = token.is("atomic") && statement.last().is_some_and(|last| last.is("begin"));
                if is_atomic || depth > 0 && token.is("case") {
                    depth += 1;
                } else if token.is("end") {
                    depth = depth.saturating_sub(1);
                }
                if token == Token::Symbol(';') && depth == 0 {
                    statements.push(Statement::new());
                } else {
                    statement.push(token);
                }
            }
        }
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

/// The next token, nothing where a blank, a comment or a string stood, and what is behind it.
fn next(text: &str) -> ControlFlow<(), (Option<Token>, &str)> {
    let Some(first) = text.chars().next() else {
        return ControlFlow::Break(());
    };
    let behind = after(text, first.len_utf8());
    let second = behind.chars().next();
    let (token, rest) = match (first, second) {
        ('-', Some('-')) => (None, text.find('\n').map_or("", |end| after(text, end))),
        ('/', Some('*')) => (None, comment(text)),
        ('\'', _) => (Some(Token::Symbol(first)), quoted(behind, '\'', false).1),
        ('e' | 'E', Some('\'')) => (Some(Token::Symbol('\'')), quoted(after(behind, 1), '\'', true).1),
        ('"', _) => {
            let (name, rest) = quoted(behind, '"', false);
            (Some(Token::Quoted(name)), rest)
        }
        ('$', _) if dollar_tag(text).is_some() => (Some(Token::Symbol('\'')), dollar_quoted(text)),
        _ if is_word(first) => {
            let end = text.find(|character| !is_word(character) && character != '$');
            let end = end.unwrap_or(text.len());
            let word = text.get(..end).unwrap_or_default().to_ascii_lowercase();
            (Some(Token::Word(word)), after(text, end))
        }
        _ if first.is_whitespace() => (None, behind),
        _ => (Some(Token::Symbol(first)), behind),
    };
    ControlFlow::Continue((token, rest))
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}

fn after(text: &str, bytes: usize) -> &str {
    text.get(bytes..).unwrap_or_default()
}

/// What stands up to the closing quote, and what is behind that. Two quotes are one.
fn quoted(text: &str, quote: char, has_escapes: bool) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if has_escapes && character == '\\' {
            characters.next();
        } else if character == quote {
            match characters.as_str().strip_prefix(quote) {
                Some(rest) => characters = rest.chars(),
                None => break,
            }
            name.push(quote);
        } else {
            name.push(character);
        }
    }
    (name, characters.as_str())
}

/// What is behind a comment that begins here. Comments nest.
fn comment(text: &str) -> &str {
    let (mut rest, mut depth) = (text, 0_usize);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("/*") {
            (rest, depth) = (inner, depth + 1);
        } else if let Some(outer) = rest.strip_prefix("*/") {
            (rest, depth) = (outer, depth.saturating_sub(1));
            if depth == 0 {
                break;
            }
        } else {
            let width = rest.chars().next().map_or(1, char::len_utf8);
            rest = after(rest, width);
        }
    }
    rest
}

/// `$$` or `$name$`, if the text begins with one.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = after(text, 1).find('$')? + 2;
    let tag = text.get(..end)?;
    let name = tag.trim_matches('$');
    let is_tag = name.chars().all(is_word) && !name.starts_with(|first: char| first.is_ascii_digit());
    is_tag.then_some(tag)
}

fn dollar_quoted(text: &str) -> &str {
    let tag = dollar_tag(text).unwrap_or_default();
    let body = after(text, tag.len());
    body.find(tag).map_or("", |end| after(body, end + tag.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(sql: &str) -> Vec<Vec<String>> {
        let text = |token: &Token| match token {
            Token::Word(word) => word.clone(),
            Token::Quoted(name) => format!("\"{name}\""),
            Token::Symbol(symbol) => symbol.to_string(),
        };
        let statements = statements(sql);
        statements.iter().map(|one| one.iter().map(text).collect()).collect()
    }

    #[test]
    fn strings_and_comments_are_left_out() {
        assert_eq!(
            words("SELECT 'a;b''c' -- d; e\n/* f; /* g */ ; */;h"),
            [vec!["select", "'"], vec!["h"]]
        );
        assert_eq!(
            words(r"select E'\';' , e; i"),
            [vec!["select", "'", ",", "e"], vec!["i"]]
        );
        assert_eq!(
            words("do $a$ x; $b$ y $a$; \"A;\"\"B\".c"),
            [vec!["do", "'"], vec!["\"A;\"B\"", ".", "c"]]
        );
        assert_eq!(
            words("select $1, a$b; ö"),
            [vec!["select", "$", "1", ",", "a$b"], vec!["ö"]]
        );
        assert!(words("/* open").is_empty() && words(" ; ;").is_empty());
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn what_ends_a_transaction_is_found() {
        for sql in [
            "commit",
            "create table a (id int);\nCOMMIT ;",
            "rollback",
            "end",
            "abort",
            "prepare transaction 'a'",
            "-- a\nrollback and chain",
        ] {
            assert!(ends_its_transaction(sql).is_some(), "{sql}");
        }
        for sql in [
            "select 'commit; end'",
            "do $$ begin perform 1; end $$; select 1",
            "savepoint a; rollback to savepoint a; rollback to a; rollback work to savepoint a",
            "create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 1",
            "select case when true then 1 end",
            "create table commit (id int)",
            "prepare a as select 1",
        ] {
            assert_eq!(ends_its_transaction(sql), None, "{sql}");
        }
    }
}
