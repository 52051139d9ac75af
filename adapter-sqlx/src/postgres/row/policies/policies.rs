//! The three policies of a declared table: what each says, and what of it differs from what is there.

use std::collections::BTreeSet;

use super::look::{FoundPolicy, FoundTable, PUBLIC};
pub(in crate::postgres::row) use super::policy_names::{ADMINISTRATOR, APPLICATION, TENANT};
use crate::postgres::identifier::PgIdentifier;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;

/// A policy as it is to be.
///
/// Other services may serve the same tables by other roles, so a role that the policy names already stays in it. A role
/// that is let in is always kept within the tenant, too.
struct Wanted<'f> {
    name: &'static str,
    is_permissive: bool,
    rule: &'f str,
    /// The roles that the declaration gives it.
    declared: BTreeSet<String>,
    roles: BTreeSet<String>,
}

impl Wanted<'_> {
    /// Whether the policy says this to its roles, whichever those are.
    fn is_said_by(&self, policy: &FoundPolicy) -> bool {
        policy.is_permissive == self.is_permissive
            && policy.is_for_all_commands
            && policy.using.as_deref() == Some(self.rule)
            && policy.check.as_deref() == Some(self.rule)
    }

    /// Whether the policy names a role that is not to be in it by the declaration alone.
    fn is_shared(&self, policy: &FoundPolicy) -> bool {
        let mut kept = policy.roles.intersection(&self.roles);
        kept.any(|role| !self.declared.contains(role))
    }

    /// What makes the policy so. Nothing if it is, and if it says something else to another service: that is a finding.
    fn change(&self, table: &str, found: Option<&FoundPolicy>, create: String) -> Vec<String> {
        let Self { name, roles, .. } = self;
        match found {
            None => vec![create],
            Some(policy) if self.is_said_by(policy) && policy.roles == *roles => Vec::new(),
            Some(policy) if self.is_said_by(policy) => {
                vec![format!("alter policy {name} on {table} to {};\n", list(roles))]
            }
            Some(policy) if self.is_shared(policy) => Vec::new(),
            Some(_) => vec![format!("drop policy {name} on {table};\n"), create],
        }
    }
}

/// A list of roles as SQL spells it.
fn list(roles: &BTreeSet<String>) -> String {
    let quoted = roles.iter().map(|role| format!("\"{}\"", role.replace('"', "\"\"")));
    quoted.collect::<Vec<String>>().join(", ")
}

impl FoundTable {
    /// Whether every expression that this crate writes is there, and in the expected spelling.
    pub(in crate::postgres::row) fn is_spelled_as_expected(&self) -> bool {
        let is_rule = |text: &Option<String>| text.as_ref() == Some(&self.spelling.rule);
        let mut tenant = self.policies.iter().filter(|policy| policy.name == TENANT);
        self.default.as_ref() == Some(&self.spelling.default)
            && tenant.all(|policy| is_rule(&policy.using) && is_rule(&policy.check))
    }

    fn policy(&self, name: &str) -> Option<&FoundPolicy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    fn roles_of(&self, name: &str) -> BTreeSet<String> {
        self.policy(name).map(|policy| policy.roles.clone()).unwrap_or_default()
    }

    fn application_policy(&self, schema: &PgRowTables) -> Wanted<'static> {
        let declared: BTreeSet<String> = names(schema);
        let mut roles = self.roles_of(APPLICATION);
        roles.retain(|role| is_of_a_service(role, schema));
        roles.extend(declared.iter().cloned());
        Wanted {
            name: APPLICATION,
            is_permissive: true,
            rule: "true",
            declared,
            roles,
        }
    }

    fn administrator_policy(&self, schema: &PgRowTables) -> Wanted<'static> {
        let declared = BTreeSet::from([schema.administrator().as_str().to_owned()]);
        let mut roles = self.roles_of(ADMINISTRATOR);
        roles.remove(PUBLIC);
        roles.extend(declared.iter().cloned());
        Wanted {
            name: ADMINISTRATOR,
            is_permissive: true,
            rule: "true",
            declared,
            roles,
        }
    }

    fn tenant_policy(&self, schema: &PgRowTables) -> Wanted<'_> {
        let mut roles = self.roles_of(TENANT);
        roles.retain(|role| is_of_a_service(role, schema));
        roles.extend(self.application_policy(schema).roles);
        Wanted {
            name: TENANT,
            is_permissive: schema.is_on_citus(),
            rule: &self.spelling.rule,
            declared: names(schema),
            roles,
        }
    }

    /// Whether the policies keep the declared roles, and all others that they let in, within the tenant.
    pub(in crate::postgres) fn keeps_tenants_apart(&self, schema: &PgRowTables) -> bool {
        let (application, tenant) = (self.policy(APPLICATION), self.policy(TENANT));
        let wanted = self.tenant_policy(schema);
        let opens = application.is_none_or(|policy| self.application_policy(schema).is_said_by(policy));
        // Beside a permissive policy of the tenant's it would show every row.
        (if schema.is_on_citus() {
            application.is_none()
        } else {
            opens
        }) && tenant.is_some_and(|policy| wanted.is_said_by(policy) && policy.roles == wanted.roles)
    }

    /// Whether a policy says something else than is declared, and names roles of other services.
    pub(in crate::postgres) fn is_shared(&self, schema: &PgRowTables) -> bool {
        let policies = [self.application_policy(schema), self.tenant_policy(schema)];
        policies.iter().any(|wanted| {
            self.policy(wanted.name)
                .is_some_and(|policy| !wanted.is_said_by(policy) && wanted.is_shared(policy))
        })
    }
}

fn names(schema: &PgRowTables) -> BTreeSet<String> {
    let names = schema.applications().iter().map(|role| role.as_str().to_owned());
    names.collect()
}

/// The administrator sees every tenant by a policy of their own, and nothing is for everybody.
fn is_of_a_service(role: &str, schema: &PgRowTables) -> bool {
    role != PUBLIC && role != schema.administrator().as_str()
}

impl PgRowTables {
    /// What makes the table's policies as declared, a statement or two for each that differs.
    pub(in crate::postgres::row) fn policy_changes(&self, table: &PgTenantTable, found: &FoundTable) -> Vec<String> {
        let name = table.to_string();
        let application = (!self.is_on_citus()).then(|| found.application_policy(self));
        let closed = (self.is_on_citus() && found.policy(APPLICATION).is_some())
            .then(|| format!("drop policy {APPLICATION} on {name};\n"));
        let tenant = found.tenant_policy(self);
        let opening = application
            .into_iter()
            .chain([found.administrator_policy(self)])
            .flat_map(|wanted| {
                let create = open_policy_sql(wanted.name, &name, &list(&wanted.roles));
                wanted.change(&name, found.policy(wanted.name), create)
            });
        let create = self.tenant_policy_sql(table, &name, &list(&tenant.roles));
        let keeping = tenant.change(&name, found.policy(TENANT), create);
        closed.into_iter().chain(opening).chain(keeping).collect()
    }

    /// The policy that keeps tenants apart, as `table` has it, on a table of this name.
    pub(in crate::postgres::row) fn tenant_policy_sql(&self, table: &PgTenantTable, name: &str, roles: &str) -> String {
        self.tenant_policy_sql_of(table, table.tenant_column(), name, roles)
    }

    /// The same with the tenant in another column.
    pub(in crate::postgres::row) fn tenant_policy_sql_of(
        &self,
        table: &PgTenantTable,
        column: &PgIdentifier,
        name: &str,
        roles: &str,
    ) -> String {
        let tenant = self.tenant(table);
        if self.is_on_citus() {
            // Shards lose the word `restrictive`, so this is the one policy of the application, and permissive everywhere.
            // A sub-select is refused on a distributed table.
            return format!(
                "create policy {TENANT} on {name} as permissive for all to {roles} \
                using ({column} = {tenant}) with check ({column} = {tenant});\n"
            );
        }
        // Evaluated once for a query, and not for each row.
        format!(
            "create policy {TENANT} on {name} as restrictive for all to {roles}
    using ({column} = (select {tenant})) with check ({column} = (select {tenant}));
"
        )
    }
}

/// A policy that lets roles in to all rows, on a table of this name.
pub(in crate::postgres::row) fn open_policy_sql(policy: &str, name: &str, roles: &str) -> String {
    format!("create policy {policy} on {name} as permissive for all to {roles} using (true) with check (true);\n")
}
