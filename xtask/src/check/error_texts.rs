//! The page on troubleshooting is searched by error texts, so each of them is one that the code has.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::tracked::{none_of, paths, read};
use crate::command::Failure;

const PAGE: &str = "docs/troubleshooting.md";

/// Looks for each text of the page in the sources of the libraries.
pub(crate) fn check() -> Result<(), Failure> {
    let texts = texts(&read(PAGE)?);
    let mut sources = String::new();
    for path in paths(&[".rs"])? {
        if path.contains("/src/") && !path.starts_with("xtask/") {
            sources.push_str(&joined(&read(&path)?));
        }
    }
    let gone = texts
        .iter()
        .filter(|text| !pieces(text).all(|piece| sources.contains(piece)));
    let gone: Vec<String> = gone.map(|text| format!("  {PAGE}: `{text}`")).collect();
    none_of(&gone, "error texts that no library has")?;
    if texts.is_empty() {
        return Err(Failure::new(format!("{PAGE} lists no error text")));
    }
    println!("{} error texts", texts.len());
    Ok(())
}

/// The code spans in the first cells of tables. What PostgreSQL says is in quotation marks, and no code.
fn texts(page: &str) -> Vec<String> {
    let (mut texts, mut cell) = (Vec::new(), None);
    for event in Parser::new_ext(page, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::TableRow) => cell = Some(0),
            Event::End(TagEnd::TableRow) => cell = None,
            Event::End(TagEnd::TableCell) => cell = cell.map(|cell| cell + 1),
            Event::Code(code) if cell == Some(0) => texts.push(code.into_string()),
            _ => {}
        }
    }
    texts
}

/// What stands between the names that the code puts in.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split('…')
        .map(|piece| piece.trim_matches([' ', ',']))
        .filter(|piece| !piece.is_empty())
}

/// A source with the lines of each text joined that a backslash divides.
fn joined(source: &str) -> String {
    let mut parts = source.split("\\\n");
    let mut joined = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        joined.push_str(part.trim_start());
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::{joined, pieces, texts};

    #[test]
    fn texts_are_the_code_of_first_cells() {
        let page =
            "| text | do |\n|---|---|\n| `it is … gone`, `lost` | `cargo` |\n| \"not ours\" | wait |\n\n`prose`\n";
        assert_eq!(texts(page), ["it is … gone", "lost"]);
        assert!(pieces("it is …, gone").eq(["it is", "gone"]));
    }

    #[test]
    fn a_text_over_two_lines_is_one() {
        assert_eq!(joined("\"one \\\n        two\""), "\"one two\"");
    }
}
