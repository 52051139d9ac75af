//! Tenants that are ahead, whose migrations were changed, or whose tables have drifted.

use std::fs;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use super::{ONCE, create, each, looked, release, take_back};
use crate::support::{Service, on_both};

fn strategy<'d>(document: &'d Value, name: &str) -> &'d Value {
    let strategies = document["strategies"].as_array().unwrap();
    strategies.iter().find(|found| found["strategy"] == name).unwrap()
}

fn a_newer_release_has_migrated(service: &Service) {
    let ids = create(service, "database", 3);
    release(service, 2, ONCE);
    service.run(["migrate", "run", &ids[0], &ids[1]]).ended(0);
    take_back(service, 2);
    let plan = service.run(["migrate", "plan", "--json"]).ended(3).document();
    let ahead = &strategy(&plan, "database")["ahead"];
    assert_eq!(ahead, &json!({ "count": 2, "first": ["database-00", "database-01"] }));
    assert_eq!(plan["behind"], 0);
    assert_eq!(looked(service, 3), ["tenants_ahead"]);
    // It has all that this release knows, and nothing of it is touched.
    let run = service.run(["migrate", "run", "--yes", "--json"]).ended(0).document();
    assert_eq!(
        (&run["done"], &strategy(&run, "database")["ahead"]["count"]),
        (&json!(0), &json!(2))
    );
    assert!(run["next"].to_string().contains("newest release"), "{run}");
    release(service, 2, ONCE);
    service.run(["migrate", "run", "--yes"]).ended(0);
    service.run(["check"]).ended(0);
}
on_both!(ahead, super::a_newer_release_has_migrated);

fn a_migration_was_changed(service: &Service) {
    create(service, "database", 2);
    release(service, 2, ONCE);
    service.run(["migrate", "run", "--yes"]).ended(0);
    release(service, 2, "select 1;");
    let plan = service
        .run(["migrate", "plan", "--verify-ledgers", "--json"])
        .ended(3)
        .document();
    assert_eq!(strategy(&plan, "database")["changed"]["count"], 2, "{plan}");
    let run = service
        .run(["migrate", "run", "--yes", "--verify-ledgers", "--json"])
        .ended(4)
        .document();
    assert_eq!((&run["done"], &run["failed"]), (&json!(0), &json!(0)));
    assert_eq!(strategy(&run, "database")["changed"]["count"], 2, "{run}");
}
on_both!(changed, super::a_migration_was_changed);

/// Runs SQL in a tenant's schema, database or file, as somebody does who should not.
fn by_hand(service: &Service, id: &str, sql: &'static str) {
    service.runtime.block_on(async {
        if let Some(database) = &service.database {
            let options = if id.starts_with("schema") {
                let path = format!("\"tenant_{id}\"");
                database.administrator().options([("search_path", path)])
            } else {
                let name = format!("{}{id}", database.database_prefix());
                database.administrator().database(&name)
            };
            let mut connection = options.connect().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut connection)
                .await
                .unwrap();
            return;
        }
        let files = fs::read_dir(service.folder().join("data/tenants")).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        let is_it = |file: &std::path::PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            name.contains(id) && !name.ends_with("-wal") && !name.ends_with("-shm")
        };
        let file = files.find(is_it).unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
    });
}

fn drift_is_found(service: &Service) {
    for strategy in each(service) {
        create(service, strategy, 3);
    }
    let clean = service.json(["migrate", "drift"]);
    assert_eq!(clean["reference"], "majority");
    service.json(["migrate", "drift", "--build"]);
    for name in each(service) {
        by_hand(
            service,
            &format!("{name}-01"),
            "create index notes_by_hand on notes (body)",
        );
        let drifted = service
            .run(["migrate", "drift", "--strategy", name, "--json"])
            .ended(3)
            .document();
        let version = &strategy(&drifted, name)["versions"][0];
        assert_eq!(
            (&version["version"], &version["as_expected"]),
            (&json!(1), &json!(2)),
            "{drifted}"
        );
        let difference = &version["differences"][0];
        assert_eq!(difference["tenants"], json!([format!("{name}-01")]), "{drifted}");
        assert_eq!(
            (&difference["change"], &difference["kind"]),
            (&json!("additional"), &json!("index"))
        );
        let text = service.run(["migrate", "drift", "--strategy", name]).ended(3);
        assert!(
            text.stdout.contains("1 has additional index `notes_by_hand`"),
            "{text:?}"
        );
        assert!(text.stdout.contains(&format!(": {name}-01")), "{text:?}");
        // The other way round.
        let reference = format!("{name}-01");
        let drifted = service
            .run(["migrate", "drift", "--reference", &reference, "--json"])
            .ended(3)
            .document();
        let difference = &strategy(&drifted, name)["versions"][0]["differences"][0];
        assert_eq!(
            (&difference["change"], &difference["tenants"]),
            (&json!("missing"), &json!([format!("{name}-00"), format!("{name}-02")]))
        );
        let built = service
            .run(["migrate", "drift", "--build", "--strategy", name, "--json"])
            .ended(3)
            .document();
        assert_eq!(strategy(&built, name)["versions"][0]["reference"], Value::Null);
        assert_eq!(strategy(&built, name)["leftovers"], json!([]));
    }
}
on_both!(drift, super::drift_is_found);
