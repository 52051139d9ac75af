//! What roles, the database and connections preset.

use tenancy_sqlx::{PgFault, PgRowStrategy, PgServer, StrategyError};

use crate::postgres::verify::verify::{guarded, schema};
use crate::postgres::verify::verify_faults::Planted;
use crate::postgres::verify::verify_planted::check_each;

const PRESETS: &[Planted] = &[
    Planted {
        fault: "alter role APP set \"Row_Security\" = 'OFF'",
        found: &[(PgFault::ParameterPreset, "row_security of role APP")],
        leak: None,
    },
    Planted {
        fault: "alter database DATABASE set row_security = 'no'",
        found: &[(PgFault::ParameterPreset, "row_security of role all in database DATABASE")],
        leak: None,
    },
    Planted {
        fault: "alter role all set row_security = 'f'",
        found: &[(PgFault::ParameterPreset, "row_security of role all")],
        leak: None,
    },
    Planted {
        fault: "alter role ADMIN in database DATABASE set row_security to false",
        found: &[(PgFault::ParameterPreset, "row_security of role ADMIN in database DATABASE")],
        leak: None,
    },
    Planted {
        fault: "alter role APP set session_replication_role = 'Replica'",
        found: &[(PgFault::ParameterPreset, "session_replication_role of role APP")],
        leak: None,
    },
    Planted {
        fault: "create role APP_between; grant APP_between to APP; alter role APP set role = 'APP_between'",
        found: &[(PgFault::ParameterPreset, "role of role APP")],
        leak: None,
    },
    Planted {
        fault: "alter database DATABASE set lo_compat_privileges = on",
        found: &[(
            PgFault::ParameterPreset,
            "lo_compat_privileges of role all in database DATABASE",
        )],
        leak: None,
    },
    Planted {
        fault: "alter role APP set row_security = on; alter role APP set session_replication_role = origin;
            create role APP_between; alter role APP_between set app.tenant_id = 'globex';
            alter role APP_between set row_security = off; alter role APP set role = none; alter role APP set statement_timeout = '5s'; alter role APP set search_path = ''",
        found: &[],
        leak: None,
    },
];

#[tokio::test]
async fn presets_that_change_what_policies_do_are_found() {
    check_each(PRESETS).await;
}

/// The catalog does not tell what a connection's own options preset.
#[tokio::test]
async fn options_of_the_applications_connection_are_found() {
    let database = guarded().await;
    for (option, value, fault) in [
        ("app.tenant_id", "globex", PgFault::SettingPreset),
        ("row_security", "off", PgFault::ParameterPreset),
    ] {
        let application = database.application().options([(option, value)]);
        let opened = PgRowStrategy::builder(PgServer::new(application, database.administrator()), schema(&database))
            .open()
            .await;
        let Err(StrategyError::UnsafeDatabase(report)) = opened else {
            panic!("{option}: {opened:?}")
        };
        let [finding] = report.findings() else {
            panic!("{report}")
        };
        assert_eq!(finding.fault(), fault);
        assert!(finding.object().ends_with("application's connection"), "{report}");
    }
}
