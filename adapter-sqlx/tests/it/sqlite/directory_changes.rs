//! The change that an application publishes for a tenant of a directory that notifies of none.

use tempfile::tempdir;
use tenancy_core::directory::Change;

use super::directory::{open, tenant};

#[tokio::test]
async fn a_change_tells_the_old_names_and_the_new() {
    let dir = tempdir().unwrap();
    let directory = open(&dir).await;
    let acme = || tenant("acme").with_domain("stays.example".parse().unwrap());
    let first = acme()
        .with_external_id("org_A".parse().unwrap())
        .with_domain("a.example".parse().unwrap());
    let before = directory.upsert(&first).await.unwrap();
    let renamed = acme()
        .with_slug("rocket".parse().unwrap())
        .with_domain("b.example".parse().unwrap());
    let after = directory.upsert(&renamed).await.unwrap();
    let names = |change: Change| {
        let text = change.to_string();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let stays = "domain stays.example";
    assert_eq!(
        names(before.change_from(None)),
        ["domain a.example", stays, "external org_A", "slug acme", "tenant acme"]
    );
    assert_eq!(
        names(after.change_from(Some(&before))),
        [
            "domain a.example",
            "domain b.example",
            stays,
            "external org_A",
            "slug acme",
            "slug rocket",
            "tenant acme"
        ]
    );
    assert_eq!(
        names(after.change_from(Some(&after))),
        ["domain b.example", stays, "slug rocket", "tenant acme"]
    );
}
