//! What holds for every request: compared with a second implementation of the rules, and on its own.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use arbitrary::Unstructured;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tenancy_core::enforce::{Rejection, Standing};
use tenancy_core::names::{Domain, ExternalId, FieldName, ResolverName, Slug, StrategyName, Subject, TenantId};
use tenancy_core::request::{HeaderList, bearer_token};
use tenancy_core::resolve::{ParameterName, PathTemplate};
use tenancy_oracle::{
    Answer, Authority, Bearer, Case, Credentials, MARKER, Mark, Membership, Mutation, Oracle, Request, Status, Target,
    Tenant, Version,
};

/// Enough for the longest case that the generator makes; what is missing counts as zeros.
const BYTES: usize = 384;

/// How many cases the search for a mistake of the oracle may take.
const BOUND: usize = 8_000;

fn case(bytes: &[u8]) -> Case {
    tenancy_oracle::generate(&mut Unstructured::new(bytes)).unwrap()
}

fn cases() -> impl Strategy<Value = Case> {
    prop::collection::vec(any::<u64>(), BYTES / 8)
        .prop_map(|words| case(&words.into_iter().flat_map(u64::to_le_bytes).collect::<Vec<_>>()))
}

fn is_malformed(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused { code, .. } if code.starts_with("malformed_"))
}

fn without_resolver(answer: Answer) -> Answer {
    let resolver = String::new();
    match answer {
        Answer::Admitted { tenant, .. } => Answer::Admitted { tenant, resolver },
        Answer::Visit { tenant, .. } => Answer::Visit { tenant, resolver },
        other => other,
    }
}

/// All that a refusal shows, to a client and to the operator.
fn shown(rejection: &Rejection) -> String {
    format!(
        "{rejection} {rejection:?} {} {} {:?}",
        rejection.code(),
        rejection.body(),
        rejection.www_authenticate()
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_core_answers_as_the_oracle_does(case in cases()) {
        prop_assert_eq!(tenancy_oracle::core::answer(&case), Oracle::default().answer(&case));
    }

    #[test]
    fn nobody_is_admitted_without_membership_and_nobody_visits_where_members_act(case in cases()) {
        match tenancy_oracle::core::outcome(&case) {
            Ok(tenancy_core::enforce::Outcome::Admitted(admitted)) => {
                prop_assert!(matches!(case.mark, Mark::Scoped | Mark::Optional));
                let tenant = case.tenants.iter().find(|tenant| admitted.id() == tenant.id.as_str()).unwrap();
                if admitted.standing() == Standing::PlatformStaff {
                    let may_be_suspended = case.configuration.staff_in_suspended;
                    prop_assert!(case.configuration.staff_enter);
                    prop_assert!(tenant.status == Status::Active || tenant.status == Status::Suspended && may_be_suspended);
                } else {
                    prop_assert_eq!(tenant.status, Status::Active);
                    prop_assert!(is_member(&case, tenant));
                }
            }
            Ok(tenancy_core::enforce::Outcome::Visit(visit)) => {
                prop_assert_eq!(case.mark, Mark::Public);
                let tenant = case.tenants.iter().find(|tenant| visit.id() == tenant.id.as_str()).unwrap();
                prop_assert_eq!(tenant.status, Status::Active);
            }
            Ok(tenancy_core::enforce::Outcome::NoTenant) => prop_assert_eq!(case.mark, Mark::Optional),
            Ok(tenancy_core::enforce::Outcome::Authenticated(_)) => prop_assert_eq!(case.mark, Mark::Authenticated),
            Ok(outcome) => prop_assert!(false, "{outcome:?}"),
            Err(_) => {}
        }
    }

    /// Whatever a request names, a route of callers asks who they are, and nothing else.
    #[test]
    fn a_caller_is_judged_by_credentials_alone(mut case in cases(), other in cases()) {
        case.mark = Mark::Authenticated;
        let one = tenancy_oracle::core::answer(&case);
        let credentials = case.request.credentials.clone();
        case.request = Request { credentials, ..other.request };
        case.configuration = other.configuration;
        case.tenants = other.tenants;
        prop_assert_eq!(tenancy_oracle::core::answer(&case), one);
    }

    #[test]
    fn under_reject_the_order_of_the_resolvers_changes_nothing(mut case in cases(), turns in 0_usize..4) {
        case.configuration.reject_conflicts = true;
        let one = tenancy_oracle::core::answer(&case);
        let sources = &mut case.configuration.sources;
        sources.reverse();
        let turns = turns % sources.len();
        sources.rotate_left(turns);
        let other = tenancy_oracle::core::answer(&case);
        if is_malformed(&one) || is_malformed(&other) {
            // Which of several malformed sources is reported depends on the order; that one is reported does not.
            prop_assert!(is_malformed(&one) && is_malformed(&other), "{:?} {:?}", one, other);
        } else {
            prop_assert_eq!(without_resolver(one), without_resolver(other));
        }
    }

    #[test]
    fn a_refusal_shows_nothing_of_the_request(case in cases(), marked in prop::collection::vec(any::<bool>(), 8)) {
        let mut case = case;
        for ((_, value), marked) in case.request.fields.iter_mut().zip(marked) {
            if marked {
                value.extend_from_slice(MARKER.as_bytes());
            }
        }
        if let Err(rejection) = tenancy_oracle::core::outcome(&case) {
            prop_assert!(!shown(&rejection).contains(MARKER));
        }
    }

    #[test]
    fn http_2_and_http_1_1_with_one_meaning_get_one_answer(mut case in cases()) {
        let hosts: Vec<String> = case.request.fields.iter()
            .filter(|(name, _)| name == "Host")
            .filter_map(|(_, value)| String::from_utf8(value.clone()).ok())
            .collect();
        let ([host], Some(path)) = (hosts.as_slice(), origin_form(&case)) else {
            return Ok(());
        };
        case.request.version = Version::Http11;
        case.request.target = Target::Line(path.clone());
        let one = tenancy_oracle::core::answer(&case);
        case.request.version = Version::Http2;
        case.request.target = Target::Pseudo { authority: Some(host.clone()), path };
        case.request.fields.retain(|(name, _)| name != "Host");
        prop_assert_eq!(tenancy_oracle::core::answer(&case), one);
    }

    #[test]
    fn byte_soup_panics_nowhere(
        mut case in cases(),
        target in ".{0,24}",
        authority in prop::option::of(".{0,24}"),
        values in prop::collection::vec((prop::bool::weighted(0.7), prop::collection::vec(any::<u8>(), 0..24)), 8),
    ) {
        for ((_, value), (replaced, soup)) in case.request.fields.iter_mut().zip(values) {
            if replaced {
                *value = soup;
            }
        }
        case.request.target = match case.request.version {
            Version::Http2 => Target::Pseudo { authority, path: target },
            Version::Http10 | Version::Http11 => Target::Line(target),
        };
        prop_assert_eq!(tenancy_oracle::core::answer(&case), Oracle::default().answer(&case));
    }

    #[test]
    fn an_authority_is_read_as_the_oracle_reads_it(bytes in authority_bytes()) {
        let core = tenancy_oracle::core::authority(&bytes).map_err(|_| ());
        let oracle = match tenancy_oracle::authority(&bytes) {
            Ok(Authority::Name(name)) => Ok(Some(name)),
            Ok(Authority::Address(_)) => Ok(None),
            Err(_) => Err(()),
        };
        prop_assert_eq!(core, oracle);
    }

    #[test]
    fn a_bearer_token_is_read_as_the_oracle_reads_it(
        values in prop::collection::vec("( |\t)?(Bearer|bEARER|Basic|)[ \t,=]{0,2}[A-Za-z0-9._~=-]{0,6}(, ?(Bearer|Basic|x) ?[a.]{0,3}){0,2}", 0..3),
    ) {
        let fields: Vec<(String, Vec<u8>)> =
            values.into_iter().map(|value| ("Authorization".to_owned(), value.into_bytes())).collect();
        let borrowed: Vec<(&str, &[u8])> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let headers = HeaderList::new(&borrowed);
        let core = match bearer_token::<std::convert::Infallible>(&headers) {
            Ok(token) => Bearer::Token(token.to_vec()),
            Err(tenancy_core::request::Credentials::Absent) => Bearer::Absent,
            Err(tenancy_core::request::Credentials::Malformed) => Bearer::Malformed,
            Err(tenancy_core::request::Credentials::Invalid) => Bearer::Invalid,
            Err(tenancy_core::request::Credentials::Verified(never)) => match never {},
        };
        prop_assert_eq!(core, tenancy_oracle::bearer(&fields));
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_name_that_parses_is_displayed_as_it_parses(
        id in "[a-z0-9][a-z0-9_-]{0,62}",
        short in "[a-z0-9][a-z0-9_-]{0,30}",
        external in "[A-Za-z0-9_.:|-]{1,128}",
        domain in "([a-z_-][a-z0-9_-]{0,9}\\.){0,4}[a-z][a-z0-9_-]{0,62}",
        subject in "[^\\p{Cc}]{1,60}",
        field in "[a-z0-9!#$%&'*+.^_`|~-]{1,64}",
        parameter in "[A-Za-z0-9_.-]{1,64}",
        segments in prop::collection::vec("[A-Za-z0-9_~-]{1,8}", 0..4),
        at in 0_usize..4,
    ) {
        stays::<TenantId>(&id)?;
        stays::<Slug>(&id)?;
        stays::<StrategyName>(&short)?;
        stays::<ResolverName>(&short)?;
        stays::<ExternalId>(&external)?;
        stays::<Domain>(&domain)?;
        stays::<Subject>(&subject)?;
        stays::<FieldName>(&field)?;
        stays::<ParameterName>(&parameter)?;
        let mut segments = segments;
        segments.insert(at.min(segments.len()), "{tenant}".to_owned());
        stays::<PathTemplate>(&format!("/{}", segments.join("/")))?;
    }

    #[test]
    fn a_name_of_any_text_is_in_the_alphabet(text in "[aA0_.:|é -]{0,5}|[a-z0-9_-]{60,66}|[a-z.]{120,130}|.{0,9}") {
        prop_assert_eq!(text.parse::<TenantId>().is_ok(), tenancy_oracle::is_id(&text));
        prop_assert_eq!(text.parse::<Slug>().is_ok(), tenancy_oracle::is_id(&text));
        prop_assert_eq!(text.parse::<ExternalId>().is_ok(), tenancy_oracle::is_external_id(&text));
    }
}

/// Texts near the grammar of an authority, and bytes far from it.
fn authority_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[aA1._:@,% -]{0,10}".prop_map(String::into_bytes),
        2 => "[0-9]{1,4}(\\.[0-9]{1,4}){2,4}(:[0-9]{0,6})?".prop_map(String::into_bytes),
        2 => "\\[?[0-9a-f:.]{0,12}\\]?(:[0-9+x]{0,6})?".prop_map(String::into_bytes),
        1 => "[a-z]{60,66}(\\.[a-z]{50,63}){0,4}\\.{0,2}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

/// A text that is parsed and displayed is the same, and so is what it is parsed to again.
fn stays<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr + Display + Debug + PartialEq,
    T::Err: Debug,
{
    let parsed = text.parse::<T>().unwrap_or_else(|error| panic!("{text:?}: {error:?}"));
    prop_assert_eq!(parsed.to_string(), text);
    prop_assert_eq!(parsed.to_string().parse::<T>().unwrap(), parsed);
    Ok(())
}

/// The path and query, where the request is one that both versions can carry.
fn origin_form(case: &Case) -> Option<String> {
    match &case.request.target {
        _ if case.request.method != "GET" => None,
        Target::Line(line) => line.starts_with('/').then(|| line.clone()),
        Target::Pseudo { path, .. } => Some(path.clone()),
    }
}

fn is_member(case: &Case, tenant: &Tenant) -> bool {
    let Credentials::Verified {
        subject,
        tenant: claim,
        tenants: list,
        ..
    } = &case.request.credentials
    else {
        return false;
    };
    match case.configuration.membership {
        Membership::Directory => tenant.members.contains(subject),
        Membership::Claim => claim.iter().chain(list).any(|key| tenant.answers_to(key)),
    }
}

/// A comparison that cannot fail proves nothing: each mistake must show within the bound.
#[test]
fn every_mistake_of_the_oracle_is_noticed() {
    let mut runner = TestRunner::deterministic();
    let mut bytes = [0; BYTES];
    let mut unnoticed = Mutation::ALL.to_vec();
    for _ in 0..BOUND {
        runner.rng().fill_bytes(&mut bytes);
        let case = case(&bytes);
        let core = tenancy_oracle::core::answer(&case);
        unnoticed.retain(|mutation| Oracle::mutated(*mutation).answer(&case) == core);
        if unnoticed.is_empty() {
            return;
        }
    }
    panic!("within {BOUND} cases, nothing tells the oracle from one that is wrong in {unnoticed:?}");
}

/// A generator that makes only refusals would prove nothing either.
#[test]
fn the_cases_reach_every_answer() {
    let mut runner = TestRunner::deterministic();
    let mut bytes = [0; BYTES];
    let mut reached = BTreeSet::new();
    for _ in 0..BOUND {
        runner.rng().fill_bytes(&mut bytes);
        reached.insert(match tenancy_oracle::core::answer(&case(&bytes)) {
            Answer::Admitted { resolver, .. } => format!("admitted by {resolver}"),
            Answer::Visit { resolver, .. } => format!("visit by {resolver}"),
            Answer::NoTenant => "no tenant".to_owned(),
            Answer::Caller { .. } => "caller".into(),
            Answer::Refused { status, code } => format!("{status} {code}"),
        });
    }
    let refusals = [
        "400 conflicting_tenants",
        "400 malformed_credentials",
        "400 malformed_host",
        "400 malformed_tenant",
        "401 credentials_required",
        "401 invalid_token",
        "401 tenant_required",
        "403 forbidden",
        "403 not_a_member",
        "403 tenant_not_ready",
        "403 tenant_suspended",
        "404 not_found",
        "404 unknown_tenant",
        "caller",
        "no tenant",
    ];
    let resolvers = ["cookie", "domain", "header", "jwt_claim", "path", "query", "subdomain"];
    let expected: BTreeSet<String> = refusals
        .iter()
        .map(ToString::to_string)
        .chain(
            resolvers
                .iter()
                .flat_map(|name| [format!("admitted by {name}"), format!("visit by {name}")]),
        )
        .collect();
    assert_eq!(reached, expected);
}
