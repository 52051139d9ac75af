//! Links of the Markdown files: each leads to a file that is there, and to a heading that it has. Code spans that
//! look like a path of the repository are read as links too. Addresses on the web are not fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::tracked::{none_of, paths, read};
use crate::command::{Failure, root};

/// The headings of a file, as the anchors that GitHub gives them, and what the file refers to.
#[derive(Default)]
struct Page {
    anchors: BTreeSet<String>,
    links: Vec<String>,
    paths: Vec<String>,
}

pub(crate) fn check() -> Result<(), Failure> {
    let mut pages = BTreeMap::new();
    for path in paths(&[".md"])? {
        let page = page(&read(&path)?);
        pages.insert(path, page);
    }
    let mut broken = Vec::new();
    for (path, page) in &pages {
        for link in &page.links {
            if let Some(problem) = broken_link(path, link, &pages) {
                broken.push(format!("  {path}: `{link}`: {problem}"));
            }
        }
        // A changelog names files as they were.
        if path != "CHANGELOG.md" {
            let gone = page.paths.iter().filter(|named| !exists(named));
            broken.extend(gone.map(|named| format!("  {path}: `{named}` is not in the repository")));
        }
    }
    none_of(&broken, "links that lead nowhere")?;
    let links: usize = pages.values().map(|page| page.links.len() + page.paths.len()).sum();
    println!("{links} links of {} pages", pages.len());
    Ok(())
}

fn page(text: &str) -> Page {
    let mut page = Page::default();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => page.add_heading(&heading.take().unwrap_or_default()),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.into_string());
            }
            Event::Code(code) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&code);
                } else if is_path(&code) {
                    page.paths.push(code.into_string());
                }
            }
            Event::Text(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    page
}

impl Page {
    fn add_heading(&mut self, heading: &str) {
        let anchor: String = heading.to_lowercase().chars().filter_map(anchor_character).collect();
        let taken = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone())
            .chain(taken)
            .find(|name| !self.anchors.contains(name));
        self.anchors.extend(free);
    }
}

/// GitHub keeps letters, digits, hyphens and underscores of a heading, and makes a hyphen of each space.
fn anchor_character(character: char) -> Option<char> {
    match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        other => other.is_alphanumeric().then_some(other),
    }
}

/// Whether a code span names a file or folder: it has a slash, begins with a folder of the root, and has no placeholder.
fn is_path(code: &str) -> bool {
    let Some((first, _)) = code.split_once('/') else {
        return false;
    };
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    !first.is_empty() && first != "target" && code.chars().all(plain) && root().join(first).is_dir()
}

fn exists(path: &str) -> bool {
    root().join(path).exists()
}

fn broken_link(page: &str, link: &str, pages: &BTreeMap<String, Page>) -> Option<String> {
    let (path, anchor) = link
        .split_once('#')
        .map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    // `https:`, `mailto:`, and what rustdoc resolves in the pages that it includes.
    if path.contains(':') || (page.contains("/docs/") && !path.contains('.')) {
        return None;
    }
    let target = if path.is_empty() {
        page.to_owned()
    } else {
        beside(page, path)
    };
    if !exists(&target) {
        return Some(format!("{target} is not there"));
    }
    let anchor = anchor?;
    let target_page = pages.get(&target)?;
    (!target_page.anchors.contains(anchor)).then(|| format!("{target} has no heading `{anchor}`"))
}

/// The path of a link, from the root.
fn beside(page: &str, link: &str) -> String {
    let folder = Path::new(page).parent().unwrap_or(Path::new(""));
    let mut parts: Vec<String> = Vec::new();
    for part in folder.join(link).components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            _ => {}
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{beside, broken_link, page};

    #[test]
    fn anchors_are_those_of_github() {
        let page = page("# A `Tenant`, and two\n\n## Again\n\n## Again\n\n[there](#again-1) `adapter-sqlx/src`");
        let anchors: Vec<&str> = page.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["a-tenant-and-two", "again", "again-1"]);
        assert_eq!(page.links, ["#again-1"]);
        assert_eq!(page.paths, ["adapter-sqlx/src"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let pages = BTreeMap::from([("README.md".to_owned(), page("# Here"))]);
        let problem = |link| broken_link("README.md", link, &pages);
        assert_eq!(problem("#here"), None);
        assert_eq!(problem("https://example.com/#x"), None);
        assert_eq!(problem("Cargo.toml"), None);
        assert!(problem("#there").is_some());
        assert!(problem("README.md#there").is_some());
        assert!(problem("no-such-file.md").is_some());
        assert_eq!(beside("docs/a.md", "../README.md"), "README.md");
    }
}
