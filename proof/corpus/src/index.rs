//! The clauses of the rules, each with the rows that prove it.

use std::fmt::Write;

use crate::Corpus;

/// The sections of the rules about a request, in order.
pub const SECTIONS: [&str; 8] = [
    "Which answer",
    "Names of a tenant",
    "Order, conflict, trust",
    "header",
    "Host",
    "path",
    "query and cookie",
    "Tokens",
];

/// The index as Markdown: a heading for each section, a line for each clause.
#[must_use]
pub fn index(corpus: &Corpus) -> String {
    let mut text = String::new();
    for section in SECTIONS {
        let mut clauses: Vec<(&str, Vec<&str>)> = Vec::new();
        for case in corpus.cases() {
            let Some(clause) = case
                .clause
                .strip_prefix(section)
                .and_then(|rest| rest.strip_prefix(": "))
            else {
                continue;
            };
            match clauses.iter_mut().find(|(known, _)| *known == clause) {
                Some((_, rows)) => rows.push(&case.name),
                None => clauses.push((clause, vec![&case.name])),
            }
        }
        let _ = writeln!(text, "\n### {section}\n");
        for (clause, rows) in clauses {
            let _ = writeln!(text, "- {clause}: `{}`", rows.join("`, `"));
        }
    }
    text
}
