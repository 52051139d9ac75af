//! What can be said about a row without any implementation: it must be sayable, and it must be possible.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Case, Configuration, Corpus, Expected, Policy, SECTIONS, Tokens, Version};

/// All that is wrong, a sentence each.
pub(crate) fn problems(corpus: &Corpus) -> Vec<String> {
    let mut problems = Vec::new();
    let (mut names, mut used) = (BTreeSet::new(), BTreeSet::new());
    let mut asked = BTreeMap::new();
    for case in corpus.cases() {
        used.insert(case.config.as_str());
        let mut tell = |problem: &str| problems.push(format!("`{}`: {problem}", case.name));
        if !names.insert(case.name.as_str()) {
            tell("another row has this name");
        }
        // One request may prove two clauses, as long as they say the same of it.
        let question = format!("{:?}", (&case.config, &case.request, &case.token, &case.session));
        if asked.entry(question).or_insert(&case.expect.answer) != &&case.expect.answer {
            tell("another row expects something else of the same request");
        }
        spelling(case, &mut tell);
        match corpus.configurations().get(&case.config) {
            Some(configuration) => {
                outcome(case, configuration, corpus, &mut tell);
                route(case, configuration, &mut tell);
            }
            None => tell("there is no such configuration"),
        }
    }
    for (name, configuration) in corpus.configurations() {
        if !used.contains(name.as_str()) {
            problems.push(format!("no row uses the configuration `{name}`"));
        }
        if configuration.resolution.contains_key("jwt_claim") {
            problems.push(format!("the configuration `{name}` names a claim of its own"));
        }
    }
    problems
}

fn spelling(case: &Case, tell: &mut impl FnMut(&str)) {
    let is_kebab = |text: &str| {
        text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
    };
    if !is_kebab(&case.name) {
        tell("the name is not in kebab case");
    }
    if !SECTIONS.iter().any(|section| {
        case.clause
            .strip_prefix(section)
            .is_some_and(|rest| rest.starts_with(": "))
    }) {
        tell("the clause does not begin with a section of the rules");
    }
    if case.request.texts().flat_map(str::chars).any(|char| char > '\u{ff}') {
        tell("a character stands for no byte");
    }
    let bytes = Tokens::default().bytes(&case.request.target);
    if std::str::from_utf8(&bytes).is_err() {
        tell("the target is not UTF-8, which no implementation could show to the core");
    }
    if case.request.authority.is_some() && case.request.version != Version::Http2 {
        tell("`authority` is HTTP/2's; before, the target has it");
    }
    if case.request.version == Version::Http2
        && case
            .request
            .headers
            .iter()
            .any(|(name, _)| name.bytes().any(|byte| byte.is_ascii_uppercase()))
    {
        tell("HTTP/2 has field names in lower case");
    }
    if case.token.is_some() != case.request.texts().any(|text| text.contains("{token}")) {
        tell("`token` and `{token}` go together");
    }
    if case.session.is_some() != case.request.texts().any(|text| text.contains("{session}")) {
        tell("`session` and `{session}` go together");
    }
}

/// Whether the outcome is one that the access policy and the configuration can have.
fn outcome(case: &Case, configuration: &Configuration, corpus: &Corpus, tell: &mut impl FnMut(&str)) {
    let policy = case.policy();
    match &case.expect.answer {
        Expected::Admitted {
            tenant,
            resolver,
            subject,
            actor,
        } => {
            bound(case, (tenant, resolver), configuration, corpus, tell);
            if !matches!(policy, Policy::Scoped | Policy::Optional) {
                tell("members are admitted to scoped and optional routes");
            }
            if case.subject() != Some(subject) {
                tell("the token is not the subject's");
            }
            if case.actor() != actor.as_deref() {
                tell("the actor is another");
            }
            if case.session.is_some() && !configuration.impersonation {
                tell("sessions are not let in under this configuration");
            }
        }
        Expected::Visit { tenant, resolver } => {
            bound(case, (tenant, resolver), configuration, corpus, tell);
            if policy != Policy::Public {
                tell("visits are for public routes");
            }
        }
        Expected::NoTenant if policy != Policy::Optional => tell("no tenant is for optional routes"),
        Expected::Central if policy != Policy::Central => tell("only `/healthz` is central"),
        Expected::Caller { subject } => {
            if policy != Policy::Authenticated {
                tell("callers without a tenant are for `/account`");
            }
            if case.subject() != Some(subject) {
                tell("the token is not the subject's");
            }
        }
        Expected::NoTenant | Expected::Central => {}
        Expected::Refused { status, code } => {
            if !may_refuse(policy, configuration, *status, code) {
                tell("this route under this configuration cannot be refused so");
            }
        }
    }
    if case
        .expect
        .vary
        .iter()
        .flatten()
        .any(|field| *field != field.to_ascii_lowercase())
    {
        tell("`vary` is in lower case");
    } else if case
        .expect
        .vary
        .as_ref()
        .is_some_and(|vary| *vary != configuration.vary(policy))
    {
        tell("`vary` is not what this route reads under this configuration");
    }
}

fn bound(
    case: &Case,
    (tenant, resolver): (&str, &str),
    configuration: &Configuration,
    corpus: &Corpus,
    tell: &mut impl FnMut(&str),
) {
    let is_staff = case.token.as_ref().is_some_and(|token| token.staff.is_some());
    let may_be_suspended = is_staff && Configuration::is_set(&configuration.enforcement, "staff_in_suspended_tenants");
    if !corpus.tenants().iter().any(|known| {
        known.id == tenant && (known.status == "active" || may_be_suspended && known.status == "suspended")
    }) {
        tell("the tenant is not an active one");
    }
    if !configuration.resolvers().any(|name| name == resolver) {
        tell("the resolver is not configured");
    }
}

fn may_refuse(policy: Policy, configuration: &Configuration, status: u16, code: &str) -> bool {
    let has = |wanted: &[&str]| configuration.resolvers().any(|name| wanted.contains(&name));
    let reads_credentials = policy != Policy::Public || has(&["jwt_claim"]);
    let is_detailed = configuration.enforcement_text("disclosure") == Some("detailed");
    let is_member_route = matches!(policy, Policy::Scoped | Policy::Optional);
    if policy == Policy::Authenticated {
        let refusals = [
            (400, "malformed_credentials"),
            (401, "invalid_token"),
            (401, "credentials_required"),
        ];
        return refusals.contains(&(status, code));
    }
    policy != Policy::Central
        && match (status, code) {
            (400, "malformed_credentials") | (401, "invalid_token") => reads_credentials,
            (400, "malformed_tenant") => has(&["header", "subdomain", "path", "query", "cookie"]),
            (400, "malformed_host") => has(&["subdomain", "domain"]),
            (400, "conflicting_tenants") => configuration.resolution_text("on_conflict") == Some("reject"),
            (401, "tenant_required") => policy == Policy::Scoped,
            (401, "credentials_required") => is_member_route,
            (403, "forbidden") => {
                is_member_route && (!is_detailed || configuration.resolution_text("on_conflict") == Some("reject"))
            }
            (404, "not_found") => policy == Policy::Public,
            (404, "unknown_tenant") | (403, "tenant_suspended" | "tenant_not_ready" | "not_a_member") => {
                is_member_route && is_detailed
            }
            _ => false,
        }
}

/// Whether the application has the route that the row's access policy and outcome ask for.
fn route(case: &Case, configuration: &Configuration, tell: &mut impl FnMut(&str)) {
    let Some(path) = case.request.path() else {
        return;
    };
    let is_bound = matches!(
        case.expect.answer,
        Expected::Admitted { .. }
            | Expected::Visit { .. }
            | Expected::NoTenant
            | Expected::Central
            | Expected::Caller { .. }
    );
    if (is_bound || case.policy() != Policy::Scoped) && !is_route(&path, configuration) {
        tell("the application has no such route");
    }
}

/// `/whoami`, `/portal`, `/maybe`, `/account` and `/healthz`; all but the last also under the template, with any one segment.
fn is_route(path: &str, configuration: &Configuration) -> bool {
    const NESTED: [&str; 4] = ["/whoami", "/portal", "/maybe", "/account"];
    if path == "/healthz" || NESTED.contains(&path) {
        return true;
    }
    let Some((before, after)) = configuration
        .resolution_text("path_template")
        .and_then(|template| template.split_once("{tenant}"))
    else {
        return false;
    };
    path.strip_prefix(before)
        .and_then(|rest| rest.find('/').map(|end| rest.split_at(end)))
        .is_some_and(|(segment, rest)| {
            !segment.is_empty() && rest.strip_prefix(after).is_some_and(|route| NESTED.contains(&route))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"
[[case]]
name = "a-row"
clause = "header: a clause"
config = "header"
request.target = "/whoami"
request.headers = [["Host", "localhost"], ["Authorization", "Bearer {token}"]]
token = { subject = "alice" }
expect = { status = 401, code = "tenant_required" }
"#;

    fn problems_of(rows: &str) -> Vec<String> {
        let mut problems = problems(&Corpus::of_rows(rows));
        problems.retain(|problem| !problem.starts_with("no row uses"));
        problems
    }

    #[test]
    fn a_sound_row_has_no_problem() {
        assert_eq!(problems_of(ROW), Vec::<String>::new());
        let other = ROW.replace("a-row", "another-row");
        assert_eq!(problems_of(&format!("{ROW}{other}")), Vec::<String>::new());
        assert!(problems(&Corpus::of_rows(ROW)).contains(&String::from("no row uses the configuration `path`")));
    }

    #[test]
    fn a_row_that_contradicts_itself_is_told() {
        const REFUSED: &str = "status = 401, code = \"tenant_required\"";
        const ADMITTED: &str = "tenant = \"acme\", resolver = \"header\", subject = \"alice\"";
        for (replaced, by, problem) in [
            ("a-row", "A row", "kebab case"),
            ("header: a clause", "a clause", "does not begin with a section"),
            ("header: a clause", "header a clause", "does not begin with a section"),
            ("config = \"header\"", "config = \"heder\"", "no such configuration"),
            ("localhost", "\u{3002}", "stands for no byte"),
            ("/whoami", "/\u{e9}", "not UTF-8"),
            (
                "request.target",
                "request.authority = \"a\"\nrequest.target",
                "`authority` is HTTP/2's",
            ),
            (
                "request.target",
                "request.version = \"HTTP/2\"\nrequest.target",
                "in lower case",
            ),
            ("{token}", "{bad-token}", "go together"),
            ("token = { subject = \"alice\" }", "", "go together"),
            ("{token}", "{session}", "`session` and `{session}` go together"),
            ("/whoami", "/maybe", "cannot be refused so"),
            ("/whoami", "/portal", "cannot be refused so"),
            ("/whoami", "/healthz", "cannot be refused so"),
            ("/whoami", "/account", "cannot be refused so"),
            ("tenant_required", "not_found", "cannot be refused so"),
            (
                REFUSED,
                "status = 400, code = \"malformed_host\"",
                "cannot be refused so",
            ),
            (
                REFUSED,
                "status = 400, code = \"conflicting_tenants\"",
                "cannot be refused so",
            ),
            (REFUSED, "status = 403, code = \"not_a_member\"", "cannot be refused so"),
            (REFUSED, "none = true", "optional routes"),
            (REFUSED, "central = true", "only `/healthz`"),
            (REFUSED, "caller = \"alice\"", "for `/account`"),
            (REFUSED, "caller = \"bob\"", "not the subject's"),
            (REFUSED, "visit = \"acme\", resolver = \"header\"", "public routes"),
            (REFUSED, &ADMITTED.replace("alice", "bob"), "not the subject's"),
            (
                REFUSED,
                &format!("{ADMITTED}, actor = \"carol\""),
                "the actor is another",
            ),
            (REFUSED, &ADMITTED.replace("acme", "archived"), "not an active one"),
            (
                REFUSED,
                &ADMITTED.replace("\"header", "\"path"),
                "resolver is not configured",
            ),
            (
                REFUSED,
                &format!("{REFUSED}, vary = [\"Cookie\"]"),
                "`vary` is in lower case",
            ),
            (
                REFUSED,
                &format!("{REFUSED}, vary = [\"x-tenant-id\"]"),
                "`vary` is not what this route reads",
            ),
            ("/whoami", "/x/portal", "no such route"),
        ] {
            let row = ROW.replace(replaced, by);
            assert_ne!(row, ROW, "{replaced}");
            let problems = problems_of(&row);
            assert!(problems.iter().any(|told| told.contains(problem)), "{by}: {problems:?}");
        }
        let admitted_elsewhere = ROW.replace(REFUSED, ADMITTED).replace("/whoami", "/x");
        assert!(problems_of(&admitted_elsewhere).concat().contains("no such route"));
    }

    #[test]
    fn rows_that_contradict_each_other_are_told() {
        assert!(
            problems_of(&format!("{ROW}{ROW}"))
                .concat()
                .contains("another row has this name")
        );
        let other = ROW
            .replace("a-row", "another")
            .replace("tenant_required", "credentials_required");
        assert!(
            problems_of(&format!("{ROW}{other}"))
                .concat()
                .contains("something else of the same request")
        );
    }

    #[test]
    fn a_row_has_no_other_keys_and_one_outcome() {
        for (replaced, by) in [
            ("config", "configuration"),
            ("request.target", "request.path = \"/\"\nrequest.target"),
            ("subject = ", "exp = 1, subject = "),
            ("status = 401", "status = 401, none = true"),
            ("status = 401, ", ""),
            ("status = 401", "status = 401, reason = \"\""),
            ("status = 401, code = \"tenant_required\"", "none = false"),
            (
                "status = 401, code = \"tenant_required\"",
                "none = true, central = true",
            ),
        ] {
            assert!(Corpus::parse_rows(&ROW.replace(replaced, by)).is_err(), "{by}");
        }
    }
}
