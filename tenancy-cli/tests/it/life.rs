//! A tenant's whole life, from `init` to `delete`, by commands alone.

use crate::support::{Service, on_both};

/// What an operator could have in a script.
const SCRIPT: &[&str] = &[
    "init",
    "check",
    "tenant create acme --strategy STRATEGY --name Acme --slug acme-inc --member alice --domain acme.test",
    "tenant show acme",
    "member add acme bob --role billing",
    "member list acme",
    "explain / --header x-tenant-id:acme --subject bob",
    "sql acme --write --command insert/into/notes/(id,body)/values/('1','hello')",
    "sql acme --command select/body/from/notes",
    "tenant rename acme --slug acme-two",
    "domain add acme acme-second.test",
    "domain remove acme acme.test",
    "domain list acme",
    "member remove acme bob",
    "tenant suspend acme --reason unpaid",
    "tenant activate acme",
    "verify",
    "tenant archive acme --actor ops:carol",
    "tenant restore acme",
    "tenant activate acme",
    "tenant archive acme",
    "tenant delete acme --grace 0s --confirm acme",
    "tenant list",
    "events list --tenant acme",
    "check",
];

const EVENTS: &[&str] = &[
    "tenant.created",
    "domain.added",
    "member.added",
    "tenant.completed",
    "member.added",
    "tenant.accessed",
    "tenant.accessed",
    "slug.changed",
    "domain.added",
    "domain.removed",
    "member.removed",
    "tenant.suspended",
    "tenant.activated",
    "tenant.archived",
    "tenant.restored",
    "tenant.activated",
    "tenant.archived",
    "tenant.deletion_began",
    "tenant.deleted",
];

fn a_whole_life(service: &Service) {
    for strategy in service.strategies {
        let id = format!("acme-{strategy}");
        for line in SCRIPT {
            // Names go to no other tenant for a while.
            let line = line.replace("STRATEGY", strategy).replace("acme", &id);
            let words: Vec<String> = line
                .split(' ')
                .map(|word| {
                    if line.starts_with("sql") {
                        word.replace('/', " ")
                    } else {
                        word.to_owned()
                    }
                })
                .collect();
            let done = service.run(words.iter().map(String::as_str));
            assert_eq!(done.code, Some(0), "`{line}`: {done:#?}");
            if line.contains("select body") || line.contains("select/body") {
                assert!(done.stdout.contains("hello"), "{done:?}");
            }
        }
        assert_eq!(service.kinds(&id), EVENTS, "{strategy}");
        assert_eq!(service.status(&id), "removed");
        let listed = service.json(["events", "list", "--tenant", &id]);
        let events = listed["events"].as_array().unwrap();
        let of = |kind: &str| events.iter().find(|event| event["kind"] == kind).unwrap().clone();
        assert_eq!(of("tenant.suspended")["reason"], "unpaid");
        assert_eq!(of("tenant.archived")["actor"], "ops:carol");
        assert!(of("tenant.created")["actor"].as_str().unwrap().starts_with("cli:"));
    }
}
on_both!(life, super::a_whole_life);
