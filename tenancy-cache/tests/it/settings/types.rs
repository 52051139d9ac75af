//! Types that cannot be the settings of a tenant, since they would take anything in.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use tenancy_cache::TenantSettings;

use super::{Documents, object};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limits {
    rate: u32,
}

#[derive(Default, Deserialize)]
enum Tier {
    #[default]
    Free,
}

fn refused<T: Default + DeserializeOwned + Send + Sync + 'static>() -> String {
    TenantSettings::<T>::new(Documents::default()).unwrap_err().to_string()
}

/// Found out at the start, and not with the first tenant.
#[test]
fn a_type_that_would_take_anything_is_refused() {
    #[derive(Default, Deserialize)]
    struct WithoutDefaults {
        #[expect(dead_code, reason = "it is never read")]
        seats: u32,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Flattening {
        #[serde(flatten)]
        #[expect(dead_code, reason = "it is never read")]
        limits: Limits,
    }
    assert_eq!(
        refused::<WithoutDefaults>(),
        "`seats` has no default: give the type the attribute `#[serde(default)]`"
    );
    assert_eq!(
        refused::<Flattening>(),
        "`Flattening` flattens another type, so that an unknown key could not be refused"
    );
    let no_struct = "the type of the settings is no struct with named fields";
    assert_eq!(refused::<BTreeMap<String, u32>>(), no_struct);
    assert_eq!(refused::<Value>(), no_struct);
    assert_eq!(refused::<IgnoredAny>(), no_struct);
    assert_eq!(refused::<Option<BTreeMap<String, u32>>>(), no_struct);
    assert_eq!(refused::<Tier>(), no_struct);
}

#[test]
fn a_type_that_flattens_deeper_is_refused_where_it_is_read() {
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Outer {
        inner: Flattening,
    }
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Flattening {
        #[serde(flatten)]
        #[expect(dead_code, reason = "it is never read")]
        limits: Limits,
    }
    let settings = TenantSettings::<Outer>::new(Documents::default()).unwrap();
    let document = object(json!({"inner": {"rate": 1, "rat": 1}}));
    assert_eq!(
        settings
            .check(&document)
            .err()
            .map(|problem| problem.to_string())
            .unwrap(),
        "`Flattening` flattens another type, so that an unknown key could not be refused"
    );
}
