//! Statements of a file's catalog, as they are compared: without what spacing, comments and quotes differ in.

/// A statement in pieces that a comparison can join with single spaces.
///
/// SQLite keeps the statement that made an object as it was written, and changes it where the object is altered. A name that it writes
/// itself is quoted.
pub(super) fn tokens(sql: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            _ if first.is_whitespace() => {}
            '-' if rest.peek() == Some(&'-') => {
                for character in rest.by_ref() {
                    if character == '\n' {
                        break;
                    }
                }
            }
            '/' if rest.peek() == Some(&'*') => {
                rest.next();
                let mut last = ' ';
                for character in rest.by_ref() {
                    if last == '*' && character == '/' {
                        break;
                    }
                    last = character;
                }
            }
            '\'' => tokens.push(format!("'{}'", quoted(&mut rest, '\'').replace('\'', "''"))),
            '"' | '`' => tokens.push(name(&quoted(&mut rest, first))),
            '[' => tokens.push(name(&quoted(&mut rest, ']'))),
            _ if is_part_of_a_word(first) => {
                let mut word = first.to_string();
                while let Some(next) = rest.next_if(|next| is_part_of_a_word(*next)) {
                    word.push(next);
                }
                tokens.push(word.to_lowercase());
            }
            _ => tokens.push(first.to_string()),
        }
    }
    tokens
}

/// What stands until the closing quote, which stands for itself where it is doubled.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, close: char) -> String {
    let mut text = String::new();
    while let Some(character) = rest.next() {
        if character != close {
            text.push(character);
        } else if close != ']' && rest.peek() == Some(&close) {
            text.push(close);
            rest.next();
        } else {
            break;
        }
    }
    text
}

/// A name that needs no quotes has none. Names are compared without regard to case, as SQLite does.
fn name(quoted: &str) -> String {
    let lower = quoted.to_lowercase();
    let is_word = lower.chars().all(is_part_of_a_word) && !lower.starts_with(|first: char| first.is_ascii_digit());
    if is_word && !lower.is_empty() {
        lower
    } else {
        format!("\"{}\"", lower.replace('"', "\"\""))
    }
}

fn is_part_of_a_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$' | '.')
}

/// The statement as it is compared.
pub(super) fn normal(sql: &str) -> String {
    tokens(sql).join(" ")
}

/// A table, as the statement that made it says: what stands in its parentheses, piece by piece, and what stands behind them.
pub(super) struct TableDefinition {
    /// By the column's name.
    pub(super) columns: Vec<(String, String)>,
    /// Constraints of the table.
    pub(super) constraints: Vec<String>,
    /// `strict`, `without rowid`.
    pub(super) options: String,
}

const CONSTRAINTS: [&str; 5] = ["constraint", "primary", "unique", "check", "foreign"];

impl TableDefinition {
    /// `None` of a statement without a list of columns, as that of a virtual table may be.
    pub(super) fn parse(sql: &str) -> Option<Self> {
        let tokens = tokens(sql);
        let open = tokens.iter().position(|token| token == "(")?;
        let (mut depth, mut pieces, mut piece) = (1_usize, Vec::new(), Vec::new());
        let mut rest = tokens.iter().skip(open + 1);
        for token in rest.by_ref() {
            match token.as_str() {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 && token == "," {
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece.push(token.as_str());
            }
        }
        pieces.push(piece);
        let mut definition = Self {
            columns: Vec::new(),
            constraints: Vec::new(),
            options: rest.map(String::as_str).collect::<Vec<_>>().join(" "),
        };
        for piece in pieces {
            match piece.split_first() {
                Some((first, _)) if CONSTRAINTS.contains(first) => definition.constraints.push(piece.join(" ")),
                Some((column, rest)) => definition.columns.push(((*column).to_owned(), rest.join(" "))),
                None => {}
            }
        }
        definition.constraints.sort();
        Some(definition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_spelling_alone_is_the_same() {
        let one = "CREATE TABLE \"notes\" (id INTEGER primary key, -- the key\n [body] text DEFAULT 'it''s  so')";
        let other = "create table notes(ID integer PRIMARY KEY,/* a */ `body` TEXT default 'it''s  so' )";
        assert_eq!(normal(one), normal(other));
        assert_ne!(normal("default 'A'"), normal("default 'a'"));
        assert_ne!(normal("default 'a  b'"), normal("default 'a b'"));
        assert_eq!(normal("\"odd name\" \"a\"\"b\""), "\"odd name\" \"a\"\"b\"");
    }

    #[test]
    fn a_table_is_read_in_pieces() {
        let sql = "create table t (id integer primary key, price decimal(10, 2) check (price > 0),
            unique (id, price), check (id in (1, 2))) strict, without rowid";
        let table = TableDefinition::parse(sql).unwrap();
        let columns: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(columns, ["id", "price"]);
        assert_eq!(table.columns[1].1, "decimal ( 10 , 2 ) check ( price > 0 )");
        assert_eq!(
            table.constraints,
            ["check ( id in ( 1 , 2 ) )", "unique ( id , price )"]
        );
        assert_eq!(table.options, "strict , without rowid");
        assert!(TableDefinition::parse("create virtual table f using fts5").is_none());
    }
}
