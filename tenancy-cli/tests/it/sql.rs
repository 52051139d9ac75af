//! SQL in one tenant's scope.

use crate::support::{Service, on_both};

fn one_tenants_rows_and_no_others(service: &Service) {
    for strategy in service.strategies {
        let (one, other) = (&*format!("one-{strategy}"), &*format!("other-{strategy}"));
        for id in [one, other] {
            service.run(["tenant", "create", id, "--strategy", strategy]).ended(0);
            let insert = format!("insert into notes (id, body) values ('1', 'of {id}')");
            // Reading is the default, and writes nothing.
            let refused = service
                .run(["sql", id, "--command", &insert, "--json"])
                .ended(1)
                .document();
            assert_eq!(refused["error"]["code"], "statement_failed", "{strategy}: {refused}");
            let wrote = service.json(["sql", id, "--write", "--command", &insert]);
            assert_eq!(wrote["columns"], serde_json::json!([]), "{wrote}");
        }
        let select = "select id, body, 7 as number, null as empty from notes";
        let rows = service.json(["sql", one, "--command", select]);
        let expected = serde_json::json!([{ "id": "1", "body": format!("of {one}"), "number": 7, "empty": null }]);
        assert_eq!(rows["rows"], expected, "{strategy}");
        // Whatever its status; and a look at a suspended tenant writes nothing either.
        service.run(["tenant", "suspend", one]).ended(0);
        assert_eq!(service.json(["sql", one, "--command", select])["rows"], expected);
        let delete = ["sql", one, "--command", "delete from notes", "--json"];
        let refused = service.run(delete).ended(1).document();
        assert_eq!(refused["error"]["code"], "statement_failed", "{strategy}: {refused}");
        // No statement ends the transaction for another one.
        for several in ["commit; delete from notes", "select 1; delete from notes"] {
            let refused = service
                .run(["sql", other, "--command", several, "--json"])
                .ended(2)
                .document();
            assert_eq!(refused["error"]["code"], "usage", "{strategy}: {refused}");
        }
        let ended = service
            .run(["sql", other, "--write", "--command", "commit", "--json"])
            .ended(1)
            .document();
        // What holds the tenant refuses it, or it is found when the transaction is to be committed.
        let code = ended["error"]["code"].as_str().unwrap();
        assert!(
            matches!(code, "statement_failed" | "not_committed"),
            "{strategy}: {ended}"
        );
        let kinds = service.kinds(other);
        assert!(
            kinds.iter().filter(|kind| *kind == "tenant.accessed").count() >= 3,
            "{kinds:?}"
        );
        let accesses = service.json(["events", "list", "--tenant", other, "--limit", "1000"]);
        let events = accesses["events"].as_array().unwrap();
        let modes: Vec<_> = events
            .iter()
            .filter(|event| event["kind"] == "tenant.accessed")
            .collect();
        assert_eq!(
            (&modes[0]["after"], &modes[1]["after"]),
            (&"read".into(), &"write".into())
        );
    }
}
on_both!(scope, super::one_tenants_rows_and_no_others);

/// `psql` takes its statements from a pipe, too.
#[test]
fn psql_sees_one_tenant() {
    let service = Service::postgres();
    for strategy in service.strategies {
        let (one, other) = (&*format!("one-{strategy}"), &*format!("other-{strategy}"));
        for id in [one, other] {
            service.run(["tenant", "create", id, "--strategy", strategy]).ended(0);
            let insert = format!("insert into notes (id, body) values ('1', 'of {id}');");
            let refused = service.pipe(["sql", id], &insert);
            assert_eq!(refused.code, Some(3), "psql stops at an error: {refused:?}");
            assert!(refused.stderr.contains("read-only transaction"), "{refused:?}");
            service.pipe(["sql", id, "--write"], &insert).ended(0);
        }
        let shown = service.pipe(["sql", one], "select body from notes;").ended(0);
        assert!(shown.stdout.contains(&format!("of {one}")), "{shown:?}");
        assert!(!shown.stdout.contains(other), "{shown:?}");
    }
    let refused = service.run(["sql", "one-row", "--json"]).ended(2).document();
    assert_eq!(refused["error"]["code"], "usage");
}

#[test]
fn a_statement_is_piped_to_sqlite() {
    let service = Service::sqlite();
    service
        .run(["tenant", "create", "acme", "--strategy", "database"])
        .ended(0);
    let done = service.pipe(
        ["sql", "acme", "--json"],
        "select 'é' as text, 1.5 as real, x'00ff' as bytes;\n",
    );
    let rows = &done.ended(0).document()["rows"];
    assert_eq!(
        *rows,
        serde_json::json!([{ "text": "é", "real": 1.5, "bytes": "00ff" }])
    );
    let refused = service.pipe(["sql", "acme", "--json"], " ").ended(2).document();
    assert_eq!(refused["error"]["code"], "usage");
    let refused = service.type_in(["sql", "acme"], "").ended(2);
    assert!(refused.stdout.contains("no interactive session"), "{refused:?}");
}
