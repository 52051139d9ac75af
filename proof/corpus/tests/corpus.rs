//! The corpus itself: it loads, its index is up to date, and its runner fails where it must.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{env, fs};

use tenancy_corpus::{Answer, Case, Corpus, Expected, Observed, Runner, SECTIONS, Tokens, index};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const MARKER: &str = "<!-- What follows is made by `cargo test`, see above. -->\n";

fn corpus() -> Corpus {
    Corpus::load().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_index_lists_every_row() {
    let corpus = corpus();
    let readme = fs::read_to_string(README).unwrap();
    let (before, committed) = readme.split_once(MARKER).unwrap();
    let made = index(&corpus);
    if env::var_os("WRITE_INDEX").is_some() {
        fs::write(README, format!("{before}{MARKER}{made}")).unwrap();
    } else {
        assert!(committed == made, "run `WRITE_INDEX=1 cargo test -p tenancy-corpus`");
    }
    for case in corpus.cases() {
        assert!(made.contains(&format!("`{}`", case.name)), "{}", case.name);
    }
    assert_eq!(made.matches("\n### ").count(), SECTIONS.len());
}

#[test]
fn rows_are_there() {
    for (file, cases) in corpus().files() {
        assert!(cases.len() >= 10, "{file} has {} rows", cases.len());
    }
}

/// What an implementation that knows the answers would say.
fn right(case: &Case) -> Observed {
    let answer = match case.expect.answer.clone() {
        Expected::Admitted {
            tenant,
            resolver,
            subject,
            actor,
        } => Answer::Tenant {
            id: tenant,
            resolver: Some(resolver),
            subject: Some(subject),
            actor,
        },
        Expected::Visit { tenant, resolver } => Answer::Tenant {
            id: tenant,
            resolver: Some(resolver),
            subject: None,
            actor: None,
        },
        Expected::NoTenant => Answer::NoTenant,
        Expected::Caller { subject } => Answer::Caller { subject },
        Expected::Central => Answer::Central,
        Expected::Refused { status, code } => Answer::refused(status, code),
    };
    Observed {
        answer,
        vary: case.expect.vary.clone(),
    }
}

fn message(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn the_runner_tells_all_rows_that_differ() {
    let corpus = corpus();
    Runner::new(&corpus, 1).run(right);
    let total = corpus.cases().count();
    let all_wrong = message(|| Runner::new(&corpus, 1).run(|_| Answer::Status(500).into()));
    for case in corpus.cases() {
        assert!(all_wrong.contains(&format!("\n{} [{}]", case.name, case.config)));
    }
    assert!(all_wrong.starts_with(&format!("{total} of {total} rows failed")));
    let is_panicking = message(|| Runner::new(&corpus, 1).run(|_| panic!("no")));
    assert!(is_panicking.contains("panicked"));
    let too_few = message(|| Runner::new(&corpus, 2).with_filter(|_| false).run(right));
    assert!(too_few.contains("0 rows were run, expected at least 2"), "{too_few}");
}

#[test]
fn a_row_that_asks_for_vary_is_not_satisfied_without() {
    let corpus = corpus();
    let asks = |case: &Case| case.expect.vary.is_some();
    let silent = message(|| {
        Runner::new(&corpus, 1).with_filter(asks).run(|case| Observed {
            vary: None,
            ..right(case)
        });
    });
    let more = message(|| {
        Runner::new(&corpus, 1).with_filter(asks).run(|case| Observed {
            vary: Some(BTreeSet::from([String::from("accept")])),
            ..right(case)
        });
    });
    let count = corpus.cases().filter(|case| asks(case)).count();
    for message in [silent, more] {
        assert!(
            message.starts_with(&format!("{count} of {count} rows failed")),
            "{message}"
        );
    }
}

/// `Vary` follows from the configuration: a row need not name it.
#[test]
fn every_row_has_its_vary() {
    let corpus = corpus();
    let seen = |case: &Case| {
        let configuration = &corpus.configurations()[&case.config];
        Observed {
            vary: Some(configuration.vary(case.policy())),
            ..right(case)
        }
    };
    Runner::new(&corpus, 1).run(seen);
    let wrong = message(|| {
        Runner::new(&corpus, 1).run(|case| {
            let mut observed = seen(case);
            observed.vary.get_or_insert_default().insert(String::from("accept"));
            observed
        });
    });
    let total = corpus.cases().count();
    assert!(wrong.starts_with(&format!("{total} of {total} rows failed")), "{wrong}");
}

#[test]
fn an_exception_must_apply() {
    let corpus = corpus();
    let row = "header-repeated-equal-is-malformed";
    let excepted = || Runner::new(&corpus, 1).with_exception(row, "the server refuses it first", Answer::Status(400));
    let answer = |other: Answer| {
        move |case: &Case| {
            if case.name == row {
                other.clone().into()
            } else {
                right(case)
            }
        }
    };
    excepted().run(answer(Answer::Status(400)));
    for unlike in [Answer::Status(500), Answer::refused(400, "malformed_tenant")] {
        let message = message(|| excepted().run(answer(unlike)));
        assert!(message.contains("does not apply"), "{message}");
    }
    let unknown = message(|| {
        Runner::new(&corpus, 1)
            .with_exception("no-such-row", "", Answer::Closed)
            .run(right);
    });
    assert!(unknown.contains("no-such-row"), "{unknown}");
}

#[test]
fn a_row_can_be_written_as_bytes() {
    let corpus = corpus();
    let case = corpus
        .cases()
        .find(|case| case.name == "header-surrounding-white-space-is-trimmed");
    let tokens = Tokens {
        good: "a.b.c",
        ..Tokens::default()
    };
    let bytes = case.unwrap().request.http1_bytes(&tokens).unwrap();
    let expected = "GET /whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a.b.c\r\n\
                    X-Tenant-ID: \\t acme \\t\r\n\r\n";
    assert_eq!(bytes.escape_ascii().to_string().replace("\\r\\n", "\r\n"), expected);
}

#[test]
fn configurations_can_be_written_for_the_application() {
    let corpus = corpus();
    for configuration in corpus.configurations().values() {
        let file: toml::Table = toml::from_str(&configuration.to_notes_toml(corpus.tenants())).unwrap();
        assert_eq!(
            file.get("resolution").unwrap().as_table(),
            Some(&configuration.resolution)
        );
        assert_eq!(
            file.get("tenants").unwrap().as_array().map(Vec::len),
            Some(corpus.tenants().len())
        );
        assert!(file.get("jwt").unwrap().get("keys").is_some());
    }
}
