//! The settings of a tenant, by commands.

use std::process::ExitCode;

use serde_json::{Value, json};
use tenancy_cli::Cli;

use crate::support::{Running, Service, on_both};

/// The tenant's own settings, and their revision.
fn settings(service: &Service) -> (Value, u64) {
    let document = service.json(["settings", "get", "acme"]);
    (document["settings"].clone(), document["revision"].as_u64().unwrap())
}

fn create(service: &Service) {
    service.run(["tenant", "create", "acme", "--strategy", "row"]).ended(0);
}

fn set_get_and_unset(service: &Service) {
    create(service);
    assert_eq!(settings(service), (json!({}), 0));
    for (number, (arguments, expected)) in [
        (&["seats", "20"][..], json!(20)),
        (&["seats", "-1"], json!(-1)),
        (&["limits", r#"{"rate":5}"#], json!({"rate": 5})),
        (&["name", r#""a text""#], json!("a text")),
        (&["name", "--text", "true"], json!("true")),
        (&["--text", "name", "-x"], json!("-x")),
        (&["odd key", "null"], json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        let revision = number as u64 + 1;
        let line = ["settings", "set", "acme"].into_iter().chain(arguments.iter().copied());
        let set = service.json(line.clone());
        assert_eq!(
            (&set["changed"], &set["revision"]),
            (&json!(true), &json!(revision)),
            "{set}"
        );
        let key = set["key"].as_str().unwrap().to_owned();
        let got = service.json(["settings", "get", "acme", &key]);
        assert_eq!(
            (&got["value"], &got["revision"]),
            (&expected, &json!(revision)),
            "{got}"
        );
        // The same again is no change.
        let set = service.json(line);
        assert_eq!(
            (&set["changed"], &set["revision"]),
            (&json!(false), &json!(revision)),
            "{set}"
        );
    }
    let all = json!({"seats": -1, "limits": {"rate": 5}, "name": "-x", "odd key": null});
    assert_eq!(settings(service), (all, 7));
    let got = service.run(["settings", "get", "acme", "name"]).ended(0);
    assert_eq!(got.stdout, "\"-x\"\n");
    for key in ["limits", "odd key", "name"] {
        assert_eq!(service.json(["settings", "unset", "acme", key])["changed"], true);
        assert_eq!(service.json(["settings", "unset", "acme", key])["changed"], false);
    }
    assert_eq!(settings(service), (json!({"seats": -1}), 10));
    let kinds = service.kinds("acme");
    assert_eq!(kinds.iter().filter(|kind| *kind == "settings.changed").count(), 10);
}
on_both!(a_key_is_set_and_unset, super::set_get_and_unset);

/// A secret is piped in, and no command shows it but the one that asks for it.
fn a_secret_is_piped_in(service: &Service) {
    create(service);
    let set = [
        "settings",
        "set",
        "acme",
        "token",
        "--actor",
        "ops:carol",
        "--reason",
        "rotated",
    ];
    for (input, arguments, expected) in [
        ("\"hunter2\"", &[][..], "hunter2"),
        ("hunter3\n", &["--text"], "hunter3"),
        ("hunter4\n\n", &["--text", "--json"], "hunter4\n"),
    ] {
        let done = service
            .pipe(set.into_iter().chain(arguments.iter().copied()), input)
            .ended(0);
        assert!(!format!("{done:?}").contains("hunter"), "{done:?}");
        assert_eq!(settings(service).0, json!({ "token": expected }));
    }
    let events = service.json(["events", "list", "--tenant", "acme"]);
    let last = events["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (
            &last["kind"],
            &last["before"],
            &last["after"],
            &last["actor"],
            &last["reason"]
        ),
        (
            &json!("settings.changed"),
            &json!("token"),
            &json!("token"),
            &json!("ops:carol"),
            &json!("rotated")
        )
    );
    assert!(!events.to_string().contains("hunter"), "{events}");
    let shown = service.json(["tenant", "show", "acme"]);
    assert!(!shown.to_string().contains("hunter"), "{shown}");
    // What is wrong with a value is said without it.
    for (input, code) in [("hunter5", "usage"), ("", "usage"), ("{\"a\": hunter5}", "usage")] {
        let done = service.pipe(set.into_iter().chain(["--json"]), input).ended(2);
        assert_eq!(done.document()["error"]["code"], code);
        assert!(!format!("{done:?}").contains("hunter"), "{done:?}");
    }
    let large = format!("\"{}\"", "x".repeat(17_000));
    let done = service
        .pipe(set.into_iter().chain(["--text", "--json"]), &large)
        .ended(1);
    assert_eq!(done.document()["error"]["code"], "too_large");
    assert_eq!(settings(service), (json!({ "token": "hunter4\n" }), 3));
}
on_both!(a_secret, super::a_secret_is_piped_in);

fn a_revision_is_compared(service: &Service) {
    create(service);
    let set = |revision: &'static str, seats: &'static str| {
        service.run([
            "settings",
            "set",
            "acme",
            "seats",
            seats,
            "--json",
            "--if-revision",
            revision,
        ])
    };
    set("0", "1").ended(0);
    set("1", "2").ended(0);
    for stale in ["0", "1", "3"] {
        let refused = set(stale, "3").ended(1).document();
        assert_eq!(refused["error"]["code"], "changed_meanwhile", "{refused}");
    }
    let unset = ["settings", "unset", "acme", "seats", "--json", "--if-revision"];
    service.run(unset.into_iter().chain(["1"])).ended(1);
    assert_eq!(settings(service), (json!({"seats": 2}), 2));
    // Looking changes nothing, also where the revision is right.
    for line in [
        "settings set acme seats 9 --dry-run",
        "settings unset acme seats --dry-run",
    ] {
        assert_eq!(service.json(line.split(' '))["dry_run"], true);
        let with_revision = format!("{line} --if-revision 2");
        assert_eq!(service.json(with_revision.split(' '))["dry_run"], true);
        let stale = format!("{line} --if-revision 1");
        service.run(stale.split(' ')).ended(1);
    }
    assert_eq!(settings(service), (json!({"seats": 2}), 2));
    service.run(unset.into_iter().chain(["2"])).ended(0);
    assert_eq!(settings(service), (json!({}), 3));
}
on_both!(a_revision, super::a_revision_is_compared);

fn several_operators_lose_nothing(service: &Service) {
    create(service);
    let keys = ["a", "b", "c", "d"];
    let running: Vec<Running> = keys
        .map(|key| service.start(["settings", "set", "acme", key, "1"]))
        .into();
    for running in running {
        running.wait().ended(0);
    }
    assert_eq!(settings(service), (json!({"a": 1, "b": 1, "c": 1, "d": 1}), 4));
}
on_both!(several_operators, super::several_operators_lose_nothing);

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Plan {
    seats: u32,
}

/// As a service embeds the command.
fn refuses_what_the_service_would_refuse(service: &Service) {
    create(service);
    let embedded = |line: &str| {
        let file = service.folder().join("tenancy.toml");
        let line: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let line = line
            .into_iter()
            .chain(["--file".to_owned(), file.display().to_string()]);
        let ended = Cli::new("notes-tenants").with_settings::<Plan>().run_with(line);
        format!("{ended:?}")
    };
    let exit = |code: u8| format!("{:?}", ExitCode::from(code));
    assert_eq!(embedded("notes-tenants settings set acme seats 20"), exit(0));
    assert_eq!(embedded("notes-tenants settings set acme seat 20"), exit(1));
    assert_eq!(embedded("notes-tenants settings set acme seats true"), exit(1));
    assert_eq!(settings(service), (json!({"seats": 20}), 1));
    // What somebody else has set wrong is unset one by one.
    for key in ["wrong", "worse"] {
        let set = service.json(["settings", "set", "acme", key, "1"]);
        assert_eq!(set["checked"], false, "the binary knows no service's settings: {set}");
        assert_ne!(set["next"], json!([]), "{set}");
    }
    assert_eq!(embedded("notes-tenants settings set acme seats 21"), exit(1));
    assert_eq!(embedded("notes-tenants settings unset acme wrong"), exit(0));
    assert_eq!(embedded("notes-tenants settings unset acme worse"), exit(0));
    assert_eq!(embedded("notes-tenants settings set acme seats 21"), exit(0));
    assert_eq!(settings(service).0, json!({"seats": 21}));
}

/// What the service would take no limits from is refused, whatever command sets it.
#[test]
fn refuses_limits_that_are_not_valid() {
    let service = Service::sqlite();
    create(&service);
    let file = service.folder().join("tenancy.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let limits = "[limits]\nrequests_under_way = 10\nsettings_key = \"limits\"\n";
    std::fs::write(&file, format!("{text}\n{limits}")).unwrap();
    for (value, problem) in [
        (
            r#"{"request_under_way": 5}"#,
            "unknown key `limits.request_under_way`, did you mean `requests_under_way`?",
        ),
        (
            r#"{"requests_under_way": 0}"#,
            "`limits.requests_under_way` is an integer that is not valid, expected a whole number from 1 to 1000000",
        ),
        (r#""none""#, "`limits` is a string, expected an object of limits"),
    ] {
        let refused = service.run(["settings", "set", "acme", "limits", value]).ended(1);
        assert!(refused.stderr.contains(problem), "{}", refused.stderr);
    }
    assert_eq!(settings(&service), (json!({}), 0));
    let set = service.json(["settings", "set", "acme", "limits", r#"{"requests_under_way": 5}"#]);
    assert_eq!(set["checked"], true, "{set}");
    // Another key is the service's own.
    let set = service.json(["settings", "set", "acme", "seats", "5"]);
    assert_eq!(set["checked"], false, "{set}");
}

#[test]
fn the_embedded_command_refuses_what_the_service_would_refuse() {
    refuses_what_the_service_would_refuse(&Service::sqlite());
}
