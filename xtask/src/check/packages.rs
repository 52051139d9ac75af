//! Each crate can be published, and its package has what a user of a registry looks for, and nothing of the tests.

use serde_json::Value;

use super::features::name;
use super::tracked::none_of;
use crate::command::{Failure, cargo, metadata};

/// What a registry accepts at most.
const MAX_KEYWORDS: usize = 5;

/// Files that every package has.
const REQUIRED: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

pub(crate) fn check() -> Result<(), Failure> {
    let metadata = metadata("--no-deps")?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let published: Vec<&Value> = packages
        .into_iter()
        .flatten()
        .filter(|package| is_published(package))
        .collect();
    if published.is_empty() {
        return Err(Failure::new("`cargo metadata` lists no package that is published"));
    }
    let mut faults = Vec::new();
    for package in &published {
        let found = faults_of_manifest(package)
            .into_iter()
            .chain(faults_of_files(&files(name(package))?));
        faults.extend(found.map(|fault| format!("  {}: {fault}", name(package))));
    }
    none_of(&faults, "packages that are not ready to be published")?;
    // Together, so that each finds the others, which no registry has yet.
    let names = published.iter().flat_map(|package| ["--package", name(package)]);
    cargo(["package", "--no-verify", "--allow-dirty", "--locked"])
        .args(names)
        .run()?;
    if published.iter().any(|package| text(package, "repository").is_empty()) {
        println!("NOT SET: `repository` in Cargo.toml, which must be filled in before anything is published");
    }
    println!("{} packages", published.len());
    Ok(())
}

/// A package without a list of registries may be published to any.
pub(super) fn is_published(package: &Value) -> bool {
    package.get("publish").is_none_or(Value::is_null)
}

/// What `cargo package` would put into it, by paths from the package's folder.
fn files(package: &str) -> Result<Vec<String>, Failure> {
    let list = cargo(["package", "--list", "--allow-dirty", "--locked", "--package", package]).quietly()?;
    Ok(list.lines().map(|line| line.replace('\\', "/")).collect())
}

fn faults_of_manifest(package: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for key in ["description", "license", "readme", "rust_version"] {
        if text(package, key).is_empty() {
            faults.push(format!("no `{key}`"));
        }
    }
    let count = |key: &str| package.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    if count("keywords") == 0 || count("keywords") > MAX_KEYWORDS {
        faults.push(format!(
            "{} keywords: from 1 to {MAX_KEYWORDS} are accepted",
            count("keywords")
        ));
    }
    if count("categories") == 0 {
        faults.push("no `categories`".into());
    }
    let on_docs_rs = package.pointer("/metadata/docs/rs");
    if on_docs_rs.and_then(|table| table.get("all-features")) != Some(&Value::Bool(true)) {
        faults.push("`package.metadata.docs.rs` does not turn all features on".into());
    }
    let arguments = on_docs_rs.and_then(|table| table.get("rustdoc-args"));
    if arguments.is_none_or(|arguments| !arguments.to_string().contains("docsrs")) {
        faults.push("`package.metadata.docs.rs` does not set `docsrs`, so features have no badges".into());
    }
    faults
}

fn faults_of_files(files: &[String]) -> Vec<String> {
    let missing = REQUIRED
        .iter()
        .filter(|required| files.iter().all(|file| file != *required));
    let of_tests = |file: &&String| {
        let is_key = [".pem", ".key", ".crt", ".p8"]
            .iter()
            .any(|ending| file.ends_with(ending));
        is_key || file.starts_with("tests/")
    };
    let extra = files
        .iter()
        .filter(of_tests)
        .map(|file| format!("`{file}` is for tests"));
    missing.map(|file| format!("no `{file}`")).chain(extra).collect()
}

fn text<'v>(package: &'v Value, key: &str) -> &'v str {
    package.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{faults_of_files, faults_of_manifest};

    fn files(more: &[&str]) -> Vec<String> {
        let required = super::REQUIRED.iter().chain(more);
        required.map(|file| (*file).to_owned()).collect()
    }

    #[test]
    fn a_package_has_its_licences_and_no_tests() {
        assert_eq!(faults_of_files(&files(&["src/lib.rs", "src/names/tests.rs"])), [""; 0]);
        assert_eq!(
            faults_of_files(&files(&["tests/it/main.rs"])),
            ["`tests/it/main.rs` is for tests"]
        );
        assert_eq!(
            faults_of_files(&files(&["docs/rsa.pem"])),
            ["`docs/rsa.pem` is for tests"]
        );
        assert_eq!(
            faults_of_files(&["README.md".into()]),
            ["no `LICENSE-MIT`", "no `LICENSE-APACHE`"]
        );
    }

    #[test]
    fn a_manifest_has_what_a_registry_shows() {
        let mut manifest = json!({
            "description": "d", "license": "MIT", "readme": "README.md", "rust_version": "1.88",
            "keywords": ["tenant"], "categories": ["database"],
            "metadata": { "docs": { "rs": { "all-features": true, "rustdoc-args": ["--cfg", "docsrs"] } } },
        });
        assert_eq!(faults_of_manifest(&manifest), [""; 0]);
        manifest["keywords"] = json!(["a", "b", "c", "d", "e", "f"]);
        manifest["readme"] = json!(null);
        manifest["metadata"] = json!(null);
        let faults = faults_of_manifest(&manifest);
        assert_eq!(faults.len(), 4, "{faults:?}");
    }
}
