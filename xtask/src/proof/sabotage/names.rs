//! Whether each patch names a test that there is: a test that was renamed would otherwise be noticed only when its patch has its
//! turn.

use std::collections::BTreeSet;
use std::fs;

use super::Sabotage;
use crate::built::{Built, TestProgram};
use crate::command::{Failure, program, root};

/// Asks the programs of all tests. A patch with some of a crate's features could name a test that these leave out, so it has all.
pub(super) fn are_listed(all: &[Sabotage], built: &Built) -> Result<(), Failure> {
    let mut listed = Vec::new();
    for program in built.tests() {
        listed.push((program, program.list()?));
    }
    let has = |one: &Sabotage| {
        let programs = listed.iter().filter(|(program, _)| one.runs(program));
        programs
            .flat_map(|(_, tests)| tests)
            .any(|test| test.contains(one.filter().unwrap_or_default()))
    };
    Failure::unless_none(all.iter().filter(|one| !has(one)).map(Sabotage::has_no_test))
}

/// Looks through the sources for the names, which takes no time and is a guess.
pub(super) fn are_declared(all: &[Sabotage]) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    for file in program("git").args(["ls-files", "*.rs"]).quietly()?.lines() {
        // Removed, and not committed yet.
        let text = fs::read_to_string(root().join(file)).unwrap_or_default();
        names.extend(declared_names(&text).map(str::to_owned));
    }
    let unknown = all
        .iter()
        .filter(|one| !one.filter().is_none_or(|filter| can_match(filter, &names)));
    Failure::unless_none(unknown.map(Sabotage::has_no_test))
}

impl Sabotage {
    fn has_no_test(&self) -> String {
        format!("{}: no test is called `{}`", self.name(), self.test.join(" "))
    }

    /// Whether the words mean this program.
    fn runs(&self, program: &TestProgram) -> bool {
        let build = self.build();
        let has = |words: [&str; 2]| build.windows(2).any(|two| two == words);
        let names_kinds = ["--test", "--lib"].iter().any(|kind| build.contains(kind));
        let is_meant = match program.kind.as_str() {
            "test" => has(["--test", &program.name]),
            "lib" => build.contains(&"--lib"),
            _ => false,
        };
        has(["-p", &program.package]) && (is_meant || !names_kinds)
    }

    /// What says which tests are compiled.
    fn build(&self) -> Vec<&str> {
        self.build_and_filter().0
    }

    /// What chooses among the tests, where not all of them are meant.
    fn filter(&self) -> Option<&str> {
        self.build_and_filter().1
    }

    fn build_and_filter(&self) -> (Vec<&str>, Option<&str>) {
        let mut words = self.test.iter().map(String::as_str).take_while(|word| *word != "--");
        let (mut build, mut filter) = (Vec::new(), None);
        while let Some(word) = words.next() {
            match word {
                "-p" | "--test" | "--features" => build.extend([word].into_iter().chain(words.next())),
                option if option.starts_with('-') => build.push(option),
                chosen => filter = Some(chosen),
            }
        }
        (build, filter)
    }
}

/// The functions and modules of a source file, and what a macro declares by its first argument, as `on_both!(name, run)`.
fn declared_names(text: &str) -> impl Iterator<Item = &str> {
    let is_sign = |c: char| !c.is_alphanumeric() && c != '_';
    let mut before = "";
    let items = text.split(is_sign).filter(|word| !word.is_empty());
    let items = items.filter(move |word| matches!(std::mem::replace(&mut before, word), "fn" | "mod"));
    let of_macros = text.split("!(").skip(1);
    items.chain(of_macros.filter_map(move |call| call.trim_start().split(is_sign).next()))
}

/// A filter is a part of a test's path: what stands between its `::` is a whole name, the first may be the end of one,
/// and the last the beginning of one.
fn can_match(filter: &str, names: &BTreeSet<String>) -> bool {
    let parts: Vec<&str> = filter.split("::").collect();
    let last = parts.len().saturating_sub(1);
    parts.iter().enumerate().all(|(at, part)| {
        names.iter().any(|name| match (at == 0, at == last) {
            (true, true) => name.contains(part),
            (true, false) => name.ends_with(part),
            (false, true) => name.starts_with(part),
            (false, false) => name == part,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::read_all;
    use super::*;

    fn sabotage(test: &str) -> Sabotage {
        Sabotage {
            patch: PathBuf::new(),
            guard: String::new(),
            test: test.split_whitespace().map(str::to_owned).collect(),
        }
    }

    #[test]
    fn a_filter_matches_tests_of_functions_and_of_macros() {
        let text = "mod jobs;\nasync fn runs() {}\non_both!(\n    a_job_runs_once, runs\n);\non_both!(b, runs);";
        let names: BTreeSet<String> = declared_names(text).map(str::to_owned).collect();
        assert_eq!(names, ["jobs", "runs", "a_job_runs_once", "b"].map(String::from).into());
        assert!(can_match("jobs::a_job_runs", &names));
        assert!(can_match("obs::a_job_runs", &names), "the first may be an end");
        assert!(!can_match("jobs::job_runs", &names), "the last is no end");
        assert!(!can_match("tests::a_job_runs", &names));
        assert!(!can_match("jobs::a_job_runs_twice", &names));
    }

    #[test]
    fn what_is_compiled_and_what_is_chosen_of_it_are_told_apart() {
        for (test, build, filter) in [
            (
                "-p a --all-features --lib",
                &["-p", "a", "--all-features", "--lib"][..],
                None,
            ),
            (
                "-p a --features b,c --test it d::e",
                &["-p", "a", "--features", "b,c", "--test", "it"],
                Some("d::e"),
            ),
            ("-p a d -- --test-threads=1", &["-p", "a"], Some("d")),
        ] {
            let one = sabotage(test);
            assert_eq!(one.build(), build, "{test}");
            assert_eq!(one.filter(), filter, "{test}");
        }
    }

    #[test]
    fn a_patch_means_the_programs_that_its_words_name() {
        let program = |package: &str, kind: &str, name: &str| TestProgram::new(package, kind, name);
        let programs = [
            program("a", "lib", "a"),
            program("a", "test", "it"),
            program("a", "test", "pooler"),
            program("b", "test", "it"),
        ];
        for (test, meant) in [
            ("-p a --all-features --test it x", &[1][..]),
            ("-p a --all-features --lib x", &[0]),
            ("-p a x", &[0, 1, 2]),
            ("-p b --test it", &[3]),
        ] {
            let one = sabotage(test);
            let runs: Vec<usize> = (0..4).filter(|at| one.runs(&programs[*at])).collect();
            assert_eq!(runs, meant, "{test}");
        }
    }

    #[test]
    fn every_patch_has_all_features_of_its_crate() {
        let some: Vec<String> = read_all()
            .unwrap()
            .iter()
            .filter(|one| one.test.iter().any(|word| word == "--features"))
            .map(|one| one.name())
            .collect();
        assert_eq!(
            some, [""; 0],
            "whether their tests are there could be known only by another build"
        );
    }

    #[test]
    fn every_patch_names_a_test_that_is_declared() {
        let missing = are_declared(&read_all().unwrap());
        assert!(missing.is_ok(), "{}", missing.unwrap_err());
    }
}
