//! The public API of each published library, as a text under version control: a change of it shows in a review.

use std::fs;

use super::features::{libraries, name};
use super::packages::is_published;
use super::tracked::none_of;
use crate::command::{Failure, cargo, metadata, root, target};
use crate::tests::with_unstable_rustdoc;

/// Where the listings are.
const FOLDER: &str = "proof/public-api";

/// The format of rustdoc's JSON that is understood. It changes with Rust's releases.
const FORMAT: &str = "\"format_version\":57";

/// `cargo xtask public-api`: writes the listings anew.
pub(crate) fn command() -> Result<(), Failure> {
    let folder = root().join(FOLDER);
    let failed = |error| Failure::new(format!("failed to write to {FOLDER}: {error}"));
    fs::create_dir_all(&folder).map_err(failed)?;
    let libraries = published()?;
    describe_all()?;
    for library in libraries {
        let Some(listing) = listing(&library)? else {
            return Err(Failure::new(OTHER_FORMAT));
        };
        fs::write(folder.join(format!("{library}.txt")), listing).map_err(failed)?;
    }
    Ok(())
}

const OTHER_FORMAT: &str = "this Rust release writes another format of rustdoc's JSON than the one that is understood";

/// As a step. Another Rust release may write another format; then nothing can be compared, and the step says so.
pub(crate) fn check() -> Result<(), Failure> {
    let mut changed = Vec::new();
    let libraries = published()?;
    describe_all()?;
    for library in libraries {
        let Some(now) = listing(&library)? else {
            println!("NOT CHECKED: {OTHER_FORMAT}");
            return Ok(());
        };
        let file = format!("{FOLDER}/{library}.txt");
        let listed = fs::read_to_string(root().join(&file)).unwrap_or_default();
        changed.extend(differences(&listed, &now).map(|line| format!("  {file}: {line}")));
    }
    none_of(
        &changed,
        "the public API differs from its listing (`cargo xtask public-api` writes it anew)",
    )
}

/// The libraries that are published.
fn published() -> Result<Vec<String>, Failure> {
    let metadata = metadata("--no-deps")?;
    let libraries = libraries(&metadata).filter(|package| is_published(package));
    let names: Vec<String> = libraries.map(|package| name(package).to_owned()).collect();
    if names.is_empty() {
        return Err(Failure::new("`cargo metadata` lists no library that is published"));
    }
    Ok(names)
}

/// The lines that one of two listings has and the other has not.
fn differences<'t>(before: &'t str, now: &'t str) -> impl Iterator<Item = String> + 't {
    let lacks = |text: &'t str| move |line: &&str| !text.lines().any(|other| other == *line);
    let gone = before.lines().filter(lacks(now)).map(|line| format!("- {line}"));
    let new = now.lines().filter(lacks(before)).map(|line| format!("+ {line}"));
    gone.chain(new)
}

/// Has rustdoc describe all libraries, with what the documentation was built from.
fn describe_all() -> Result<(), Failure> {
    with_unstable_rustdoc(cargo(
        "doc --quiet --workspace --all-features --no-deps --lib --locked".split(' '),
    ))?
    .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json")
    .run()
}

/// A line for each public item, or nothing where the format is another.
fn listing(library: &str) -> Result<Option<String>, Failure> {
    let json = target(format!("doc/{}.json", library.replace('-', "_")))?;
    let failed = |error: String| Failure::new(format!("failed to read {}: {error}", json.display()));
    let text = fs::read_to_string(&json).map_err(|error| failed(error.to_string()))?;
    if !text.contains(FORMAT) {
        return Ok(None);
    }
    let api = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    Ok(Some(api.to_string()))
}

#[cfg(test)]
mod tests {
    use super::differences;

    #[test]
    fn what_is_gone_and_what_is_new_is_shown() {
        let changed: Vec<String> = differences("a\nb\n", "b\nc\n").collect();
        assert_eq!(changed, ["- a", "+ c"]);
        assert_eq!(differences("a\n", "a\n").count(), 0);
    }
}
