//! Which tables a virtual table can read, by the text that declares it.
//!
//! SQLite hands the arguments of `CREATE VIRTUAL TABLE` to the module as text, so `EXPLAIN` cannot tell what
//! the module reads. The names are taken from that text, with SQLite's own rules for quotes and comments.

/// The names in the arguments that the module may take for tables.
///
/// Full-text tables name one by an option, `content = …`, whose own name FTS5 lets one abbreviate; their other
/// arguments are columns. R-trees read no table. What another module reads is unknown, so every word counts.
pub(in crate::sqlite) fn referenced_names(sql: &str) -> Vec<String> {
    let mut tokens = Tokens::new(sql).skip_while(|token| !token.is_bare("using")).skip(1);
    let Some(Token::Word { text: module, .. }) = tokens.next() else {
        return Vec::new();
    };
    let takes_options = match module.to_ascii_lowercase().as_str() {
        "rtree" | "rtree_i32" | "geopoly" => return Vec::new(),
        "fts3" | "fts4" | "fts5" => true,
        _ => false,
    };
    let (mut depth, mut is_value) = (0_usize, !takes_options);
    let mut names = Vec::new();
    for token in tokens {
        match token {
            Token::Word { text, .. } if is_value => names.push(text),
            Token::Word { .. } => {}
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            Token::Mark('=') => is_value = true,
            Token::Mark(',') if depth <= 1 => is_value = !takes_options,
            Token::Mark(_) => {}
        }
    }
    names
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// An identifier or a string, without its quotes: SQLite takes either for a name.
    Word {
        text: String,
        is_quoted: bool,
    },
    Mark(char),
}

impl Token {
    fn is_bare(&self, keyword: &str) -> bool {
        matches!(self, Self::Word { text, is_quoted: false } if text.eq_ignore_ascii_case(keyword))
    }
}

struct Tokens<'s> {
    rest: std::iter::Peekable<std::str::Chars<'s>>,
}

impl<'s> Tokens<'s> {
    fn new(sql: &'s str) -> Self {
        Self {
            rest: sql.chars().peekable(),
        }
    }

    /// Reads up to the closing quote; doubled, it stands for itself, save for the bracket.
    fn quoted(&mut self, close: char) -> Token {
        let mut text = String::new();
        while let Some(next) = self.rest.next() {
            if next != close {
                text.push(next);
            } else if close != ']' && self.rest.next_if_eq(&close).is_some() {
                text.push(close);
            } else {
                break;
            }
        }
        Token::Word { text, is_quoted: true }
    }

    fn bare(&mut self, first: char) -> Token {
        let mut text = String::from(first);
        while let Some(next) = self.rest.next_if(|next| is_in_identifier(*next)) {
            text.push(next);
        }
        Token::Word { text, is_quoted: false }
    }

    fn skip_block_comment(&mut self) {
        let mut last = ' ';
        for next in self.rest.by_ref() {
            if last == '*' && next == '/' {
                break;
            }
            last = next;
        }
    }
}

fn is_in_identifier(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '$' || !character.is_ascii()
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            return Some(match self.rest.next()? {
                quote @ ('"' | '\'' | '`') => self.quoted(quote),
                '[' => self.quoted(']'),
                '-' if self.rest.next_if_eq(&'-').is_some() => {
                    self.rest.by_ref().take_while(|next| *next != '\n').for_each(drop);
                    continue;
                }
                '/' if self.rest.next_if_eq(&'*').is_some() => {
                    self.skip_block_comment();
                    continue;
                }
                space if space.is_ascii_whitespace() => continue,
                first if is_in_identifier(first) => self.bare(first),
                mark => Token::Mark(mark),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::referenced_names;

    #[test]
    fn names_are_read_as_sqlite_reads_them() {
        for (sql, names) in [
            (
                "create virtual table f using fts5(body, content='notes_rows')",
                &["notes_rows"][..],
            ),
            (
                "create virtual table f using FTS5(body, Content = \"notes_rows\")",
                &["notes_rows"],
            ),
            (
                "create virtual table f using fts5(body, c=[notes_rows], prefix='2')",
                &["notes_rows", "2"],
            ),
            (
                "create virtual table f using fts4(content=`notes_rows`, body)",
                &["notes_rows"],
            ),
            (
                "create virtual table f using fts5(body, content/* = x */= -- y\n notes_rows)",
                &["notes_rows"],
            ),
            (
                "create virtual table \"using fts4(content=x)\" using fts5(body, notes_rows)",
                &[],
            ),
            (
                "create virtual table 'it''s' using fts5(body /* notes_rows */) -- notes_rows",
                &[],
            ),
            (
                "create virtual table f using fts5(body, tokenize = \"unicode61 tokenchars 'a'\")",
                &["unicode61 tokenchars 'a'"],
            ),
            (
                "create virtual table f using fts5vocab('main', 'notes''s', row)",
                &["main", "notes's", "row"],
            ),
            (
                "create virtual table f using other(deep(x, y), z)",
                &["deep", "x", "y", "z"],
            ),
            ("create virtual table f using rtree(id, notes_rows, x)", &[]),
            ("create virtual table f using dbstat", &[]),
            ("create virtual table f using", &[]),
            ("create virtual table f using fts5(content='open", &["open"]),
        ] {
            assert_eq!(referenced_names(sql), names, "{sql}");
        }
    }
}
