//! A directory, or tenants' data, from a backup.

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use super::{fence, looked};
use crate::support::{Service, on_both};

/// Runs SQL in the directory, or in the database of the strategy `row`, as the administrator.
fn plant(service: &Service, file: &str, sql: &str) {
    service.runtime.block_on(async {
        let sql = AssertSqlSafe(sql.to_owned());
        match &service.database {
            Some(database) => {
                let mut connection = database.administrator().connect().await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            }
            None => {
                let file = service.folder().join("data").join(file);
                let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            }
        }
    });
}

fn places(service: &Service) -> &'static str {
    if service.is_sqlite() {
        "tenancy_places"
    } else {
        "tenancy_fence.tenancy_places"
    }
}

fn found_by_check(service: &Service) {
    fence(service);
    service.run(["tenant", "suspend", "acme-row"]).ended(0);
    service.run(["tenant", "suspend", "acme-database"]).ended(0);
    // The directory of before both.
    let back = "update tenancy_tenants set status = 'active', revision = revision - 1, placed_revision = revision - 1";
    plant(
        service,
        "directory.sqlite",
        &format!("{back} where id in ('acme-row', 'acme-database')"),
    );
    let checked = service.run(["check", "--json"]).ended(3).document();
    assert_eq!(looked(&checked, "fence"), ["place_ahead"]);
    assert!(
        checked["next"].to_string().contains("fence finish --restored"),
        "{checked}"
    );
    // It is no matter of course: what was suspended is served again.
    let finished = service.json(["fence", "finish"]);
    assert_eq!(finished["finished"], 0);
    assert!(finished["next"].to_string().contains("--restored"), "{finished}");
    let refused = service
        .run(["fence", "finish", "--restored", "--json"])
        .ended(2)
        .document();
    assert_eq!(refused["error"]["code"], "confirmation_required");
    service.run(["sql", "acme-row", "--command", "select 1"]).ended(1);
    let finished = service.json(["fence", "finish", "--restored", "--yes", "--actor", "ops:carol"]);
    assert_eq!(finished["finished"], 2);
    service.run(["sql", "acme-row", "--command", "select 1"]).ended(0);
    assert!(service.kinds("acme-row").contains(&"place.restated".to_owned()));
    service.run(["check"]).ended(0);

    // The data of before a suspension: the place is open, and one that is made anew has no places.
    service.run(["tenant", "suspend", "acme-row"]).ended(0);
    for older in [
        "update {} set revision = revision - 1, state = 'open' where tenant = 'acme-row'",
        "delete from {}",
    ] {
        plant(service, "shared.sqlite", &older.replace("{}", places(service)));
        let checked = service.run(["check", "--json"]).ended(3).document();
        assert_eq!(looked(&checked, "fence"), ["place_older"], "{older}");
        service.run(["fence", "finish", "--restored", "--yes"]).ended(0);
        service.run(["check"]).ended(0);
    }

    // Data that has moved is nothing that a command mends.
    plant(
        service,
        "shared.sqlite",
        &format!("update {} set epoch = 7 where tenant = 'acme-row'", places(service)),
    );
    let checked = service.run(["check", "--json"]).ended(3).document();
    assert_eq!(looked(&checked, "fence"), ["place_of_another_epoch"]);
    let finished = service.json(["fence", "finish", "--restored", "--yes"]);
    assert_eq!(finished["tenants"], json!([]));
}
on_both!(a_backup, super::found_by_check);
