//! What of the tables is a part of several builders: declared tables, servers, names.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use tenancy_core::names::PlacementName;
use tenancy_sqlx::{PgIdentifier, PgRowTables, PgSetting};

use super::strategies::{PgDatabaseStrategyConfig, PgRowConfig};
use super::tables::{in_schema, tables, view};
use super::urls::{Reach, Server, Urls, urls};
use crate::file::Check;

/// The declaration of `[strategies.row]`.
pub(super) fn declared(config: &PgRowConfig, server: Option<&Server>, check: &mut Check) -> Option<PgRowTables> {
    const KEY: &str = "strategies.row";
    let tables = tables(&config.tables, check);
    let mut views = Vec::new();
    for (index, name) in config.views.iter().enumerate() {
        views.extend(check.value(format!("{KEY}.views[{index}]"), view(name)));
    }
    let mut shared = Vec::new();
    for (index, name) in config.shared_tables.iter().enumerate() {
        let (schema, name) = in_schema(name);
        let key = format!("{KEY}.shared_tables[{index}]");
        let table = schema
            .parse::<PgIdentifier>()
            .and_then(|_| name.parse::<PgIdentifier>());
        shared.extend(check.value(key, table).map(|_| (schema, name)));
    }
    let setting: Option<PgSetting> = parsed(&format!("{KEY}.setting"), config.setting.as_deref(), check);
    let administrator: Option<PgIdentifier> = parsed(
        &format!("{KEY}.administrator_role"),
        config.administrator_role.as_deref(),
        check,
    );
    let others = identifiers(&format!("{KEY}.other_applications"), &config.other_applications, check);
    let server = server?;
    let declared = match administrator {
        Some(administrator) => PgRowTables::new(server.application.get_username(), administrator.as_str()),
        None => server.roles().row_tables(),
    };
    let mut declared = check.value(KEY, declared)?;
    for table in tables {
        declared = declared.with_table(table);
    }
    for view in views {
        declared = declared.with_view(view);
    }
    for (schema, name) in shared {
        declared = declared.with_shared_table(schema, name).ok()?;
    }
    for role in others {
        declared = declared.with_application(role.as_str()).ok()?;
    }
    Some(match setting {
        Some(setting) => declared.with_setting(setting),
        None => declared,
    })
}

/// The servers by their placements, or `None` if one is wrong.
pub(super) fn servers(config: &PgDatabaseStrategyConfig, check: &mut Check) -> Option<HashMap<PlacementName, Server>> {
    let mut servers = HashMap::new();
    let mut is_whole = true;
    for (name, server) in &config.servers {
        let key = format!("strategies.database.servers.{name}");
        let placement: Option<PlacementName> = check.value(key.as_str(), name.parse());
        let reach = urls!(server).reach(&key, check);
        if matches!(reach, Reach::Absent) {
            check.missing(
                format!("{key}.url_env"),
                "required: the environment variable that holds the application's URL on this server",
            );
        }
        match (placement, reach) {
            (Some(placement), Reach::Server(server)) => drop(servers.insert(placement, *server)),
            _ => is_whole = false,
        }
    }
    is_whole.then_some(servers)
}

/// A prefix of names in SQL: it needs room for an id.
pub(super) fn prefix(key: &str, given: Option<&str>, check: &mut Check) -> Option<String> {
    let prefix = given?;
    if prefix.len() >= PgIdentifier::MAX_LEN || prefix.contains('\0') {
        let longest = PgIdentifier::MAX_LEN - 1;
        check.problem(
            format!("{key}.prefix"),
            format!("expected at most {longest} bytes, so that an id has room behind it"),
        );
        return None;
    }
    Some(prefix.to_owned())
}

pub(super) fn identifiers(key: &str, names: &[String], check: &mut Check) -> Vec<PgIdentifier> {
    let mut found = Vec::new();
    for (index, name) in names.iter().enumerate() {
        found.extend(check.value(format!("{key}[{index}]"), name.parse::<PgIdentifier>()));
    }
    found
}

pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(key: &str, text: Option<&str>, check: &mut Check) -> Option<T> {
    text.and_then(|text| check.value(key, text.parse()))
}
