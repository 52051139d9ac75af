//! What the build of all tests has made. Programs taken from it need no build of their own, which would have other features and so
//! compile nearly everything again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{Failure, Invocation, cargo, metadata, program};

/// The build that `cargo xtask test` runs.
pub(crate) const TESTS: [&str; 4] = ["test", "--workspace", "--all-features", "--locked"];

pub(crate) struct Built {
    programs: BTreeMap<String, PathBuf>,
    tests: Vec<TestProgram>,
}

/// A program that runs tests.
pub(crate) struct TestProgram {
    pub(crate) package: String,
    /// What it tests: `lib`, `bin` or `test`.
    pub(crate) kind: String,
    pub(crate) name: String,
    path: PathBuf,
    folder: PathBuf,
}

impl Built {
    /// Builds what is not there yet.
    pub(crate) fn all() -> Result<Self, Failure> {
        let messages = cargo(TESTS)
            .args(["--no-run", "--message-format", "json-render-diagnostics"])
            .stdout_of_a_build()?;
        let metadata = metadata("--no-deps")?;
        Ok(Self::read(&messages, &metadata))
    }

    fn read(messages: &str, metadata: &Value) -> Self {
        let packages = metadata.get("packages").and_then(Value::as_array);
        let names: BTreeMap<&str, &str> = packages
            .into_iter()
            .flatten()
            .map(|package| (text(package, "/id"), text(package, "/name")))
            .collect();
        let mut built = Self {
            programs: BTreeMap::new(),
            tests: Vec::new(),
        };
        // Among the messages stands what a build script prints.
        for message in messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        {
            let (Some(path), Some(package)) = (
                message.get("executable").and_then(Value::as_str).map(PathBuf::from),
                names.get(text(&message, "/package_id")),
            ) else {
                continue;
            };
            let name = text(&message, "/target/name").to_owned();
            if message.pointer("/profile/test") == Some(&Value::Bool(true)) {
                let manifest = Path::new(text(&message, "/manifest_path"));
                built.tests.push(TestProgram {
                    package: (*package).to_owned(),
                    kind: text(&message, "/target/kind/0").to_owned(),
                    name,
                    path,
                    folder: manifest.parent().unwrap_or(manifest).to_owned(),
                });
            } else {
                built.programs.insert(name, path);
            }
        }
        built
    }

    /// A program of the workspace. Of a package without integration tests there is none.
    pub(crate) fn program(&self, name: &str) -> Result<&Path, Failure> {
        let path = self.programs.get(name).map(PathBuf::as_path);
        path.ok_or_else(|| Failure::new(format!("the build of the tests makes no program `{name}`")))
    }

    pub(crate) fn tests(&self) -> &[TestProgram] {
        &self.tests
    }

    /// The one of a package's integration tests.
    pub(crate) fn test(&self, package: &str, name: &str) -> Result<&TestProgram, Failure> {
        let found = self
            .tests
            .iter()
            .find(|test| test.package == package && test.kind == "test" && test.name == name);
        found.ok_or_else(|| Failure::new(format!("{package} has no tests `{name}`")))
    }
}

impl TestProgram {
    #[cfg(test)]
    pub(crate) fn new(package: &str, kind: &str, name: &str) -> Self {
        Self {
            package: package.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            path: PathBuf::new(),
            folder: PathBuf::new(),
        }
    }

    /// As cargo runs it.
    pub(crate) fn run(&self) -> Invocation {
        program(&self.path).in_folder(&self.folder)
    }

    /// The paths of its tests.
    pub(crate) fn list(&self) -> Result<Vec<String>, Failure> {
        let listed = self.run().args(["--list"]).quietly()?;
        let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok(tests.map(str::to_owned).collect())
    }
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn programs_and_tests_are_told_apart() {
        let metadata = json!({ "packages": [{ "id": "path+file:///w/cli#0.1.0", "name": "cli" }] });
        let artifact = |kind: &str, test: bool, executable: Value| {
            json!({
                "reason": "compiler-artifact", "package_id": "path+file:///w/cli#0.1.0", "manifest_path": "/w/cli/Cargo.toml",
                "target": { "kind": [kind], "name": "it" }, "profile": { "test": test }, "executable": executable,
            })
        };
        let mut of_others = artifact("bin", false, json!("/t/debug/other"));
        of_others["package_id"] = json!("registry#other@1.0.0");
        let messages = [
            artifact("test", true, json!("/t/debug/deps/it-1")),
            artifact("bin", false, json!("/t/debug/it")),
            artifact("lib", false, Value::Null),
            of_others,
            json!({ "reason": "build-finished", "success": true }),
        ];
        let messages = messages.map(|message| message.to_string()).join("\n");
        let built = Built::read(&format!("a build script speaks\n{messages}\n"), &metadata);
        assert_eq!(built.program("it").unwrap(), Path::new("/t/debug/it"));
        assert!(built.program("other").is_err());
        assert_eq!(built.tests().len(), 1);
        let test = built.test("cli", "it").unwrap();
        assert_eq!(
            (test.path.as_path(), test.folder.as_path()),
            ("/t/debug/deps/it-1".as_ref(), "/w/cli".as_ref())
        );
        assert!(built.test("cli", "other").is_err() && built.test("other", "it").is_err());
    }
}
