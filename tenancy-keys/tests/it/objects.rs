//! The stores of `object_store`: in memory, and in local files.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use proptest::prelude::*;
use tenancy_keys::TenantObjects;
use tokio::runtime::Builder;

use crate::hostile::{key, tenant};
use crate::member;

type Store = Arc<dyn ObjectStore>;

fn objects(store: &Store) -> TenantObjects<Store> {
    TenantObjects::new(Arc::clone(store), "uploads".parse().unwrap())
}

async fn listed(store: &dyn ObjectStore, prefix: Option<&Path>) -> BTreeSet<String> {
    let all: Vec<_> = store.list(prefix).try_collect().await.unwrap();
    all.into_iter().map(|object| object.location.to_string()).collect()
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

async fn read(store: &dyn ObjectStore, path: &str) -> Option<String> {
    let found = store.get(&Path::parse(path).unwrap()).await;
    match found {
        Ok(found) => Some(String::from_utf8(found.bytes().await.unwrap().to_vec()).unwrap()),
        Err(object_store::Error::NotFound { .. }) => None,
        Err(other) => panic!("{other}"),
    }
}

async fn put(store: &dyn ObjectStore, path: &str, text: &'static str) {
    store.put(&Path::parse(path).unwrap(), text.into()).await.unwrap();
}

async fn each_tenant_has_a_folder(store: Store) {
    let objects = objects(&store);
    // Another one's id begins with the tenant's.
    let (acme, other) = (objects.of(&member("acme")), objects.of(&member("acme2")));
    for (store, text) in [(&acme, "acme's"), (&other, "other's")] {
        put(store, "a", text).await;
        put(store, "deep/er/b", text).await;
    }
    let all = [
        "uploads/acme/a",
        "uploads/acme/deep/er/b",
        "uploads/acme2/a",
        "uploads/acme2/deep/er/b",
    ];
    assert_eq!(listed(&store, None).await, set(&all));
    assert_eq!(read(&acme, "a").await.as_deref(), Some("acme's"));
    assert_eq!(read(&other, "a").await.as_deref(), Some("other's"));
    for prefix in [None, Some(Path::default())] {
        assert_eq!(listed(&acme, prefix.as_ref()).await, set(&["a", "deep/er/b"]));
    }
    assert_eq!(listed(&acme, Some(&Path::from("deep"))).await, set(&["deep/er/b"]));
    assert_eq!(listed(&acme, Some(&Path::from("uploads/acme2"))).await, set(&[]));
    let folders = acme.list_with_delimiter(None).await.unwrap();
    assert_eq!(folders.common_prefixes, [Path::from("deep")]);
    assert_eq!(folders.objects.len(), 1);

    acme.copy(&Path::from("a"), &Path::from("uploads/acme2/a"))
        .await
        .unwrap();
    acme.rename(&Path::from("a"), &Path::from("c")).await.unwrap();
    acme.delete(&Path::from("deep/er/b")).await.unwrap();
    assert_eq!(listed(&acme, None).await, set(&["c", "uploads/acme2/a"]));
    assert_eq!(listed(&other, None).await, set(&["a", "deep/er/b"]));
    assert_eq!(read(&other, "a").await.as_deref(), Some("other's"));
}

async fn a_tenant_is_deleted(store: Store) {
    let objects = objects(&store);
    for tenant in ["acme", "acme2", "a"] {
        for number in 0..30 {
            put(&objects.of(&member(tenant)), &format!("{}/{number}", number % 3), "x").await;
        }
    }
    put(&*store, "uploads/acmefile", "x").await;
    put(&*store, "other/acme/x", "x").await;
    let acme = member("acme");
    assert_eq!(objects.dangerously_delete_tenant(acme.id()).await.unwrap(), 30);
    assert_eq!(objects.dangerously_delete_tenant(acme.id()).await.unwrap(), 0);
    assert_eq!(
        objects.dangerously_delete_tenant(member("nobody").id()).await.unwrap(),
        0
    );
    assert_eq!(listed(&objects.of(&acme), None).await.len(), 0);
    for (tenant, left) in [("acme2", 30), ("a", 30)] {
        assert_eq!(listed(&objects.of(&member(tenant)), None).await.len(), left, "{tenant}");
    }
    assert_eq!(read(&*store, "uploads/acmefile").await.as_deref(), Some("x"));
    assert_eq!(read(&*store, "other/acme/x").await.as_deref(), Some("x"));
}

macro_rules! on_each_store {
    ($name:ident, $run:path) => {
        mod $name {
            #[tokio::test]
            async fn memory() {
                $run(std::sync::Arc::new(object_store::memory::InMemory::new())).await;
            }

            #[tokio::test]
            async fn files() {
                let folder = tempfile::tempdir().unwrap();
                let files = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
                $run(std::sync::Arc::new(files)).await;
            }
        }
    };
}
on_each_store!(folders, super::each_tenant_has_a_folder);
on_each_store!(deleted, super::a_tenant_is_deleted);

/// An empty path is the folder's own name, and no list of the folder shows it.
async fn what_is_at_an_empty_path_is_deleted(store: Store) {
    let objects = objects(&store);
    let (acme, other) = (member("acme"), member("acme2"));
    for tenant in [&acme, &other] {
        put(&objects.of(tenant), "", "x").await;
    }
    assert_eq!(objects.dangerously_delete_tenant(acme.id()).await.unwrap(), 1);
    assert_eq!(listed(&store, None).await, set(&["uploads/acme2"]));
}
on_each_store!(at_an_empty_path, super::what_is_at_an_empty_path_is_deleted);

fn folder_parts(folder: &str, path: &Path) -> String {
    let parts = path
        .parts()
        .map(|part| part.as_ref().to_owned())
        .filter(|part| !part.is_empty());
    std::iter::once(folder.to_owned())
        .chain(parts)
        .collect::<Vec<_>>()
        .join("/")
}

/// The paths that a handler may make of what a request says.
fn paths_of(text: &str) -> Vec<Path> {
    let parsed = [Path::parse(text).ok(), Path::from_url_path(text).ok()];
    let made = [
        Path::from(text),
        Path::default().join(text),
        Path::from("x").join(text),
        Path::from_iter(text.split('/')),
    ];
    parsed.into_iter().flatten().chain(made).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is written is in the tenant's folder, at the same path, and is found by that tenant alone.
    #[test]
    fn no_path_leaves_its_tenant(tenants in (tenant(), tenant()), texts in (key(), key())) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let folder = format!("uploads/{}", tenants.0);
        for (path, other) in paths_of(&texts.0).into_iter().zip(paths_of(&texts.1)) {
            let store: Store = Arc::new(InMemory::new());
            let objects = objects(&store);
            let (own, foreign) = (objects.of(&member(&tenants.0)), objects.of(&member(&tenants.1)));
            runtime.block_on(own.put(&path, "own".into())).unwrap();
            // A part that is empty, as `join("")` makes it, is none.
            let expected = folder_parts(&folder, &path);
            prop_assert_eq!(runtime.block_on(listed(&store, None)), BTreeSet::from([expected]));
            if tenants.0 != tenants.1 {
                for path in [&path, &other] {
                    prop_assert!(runtime.block_on(foreign.get(path)).is_err());
                }
                prop_assert_eq!(runtime.block_on(listed(&foreign, None)), BTreeSet::new());
            }
            // Injective: another path of the same tenant is another object.
            let is_found = runtime.block_on(own.get(&other)).is_ok();
            let is_same = folder_parts("", &path) == folder_parts("", &other);
            prop_assert_eq!(is_found, is_same, "{:?} {:?}", path, other);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// A file system has names that mean something else there. What is written at all is in the tenant's folder.
    #[test]
    fn no_file_is_outside_of_its_tenants_folder(text in key()) {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("bucket");
        std::fs::create_dir(&root).unwrap();
        let store: Store = Arc::new(LocalFileSystem::new_with_prefix(&root).unwrap());
        let own = objects(&store).of(&member("acme"));
        for path in paths_of(&text) {
            let is_written = runtime.block_on(own.put(&path, "own".into())).is_ok();
            let files = files_below(outer.path());
            let folder = root.join("uploads").join("acme");
            for file in &files {
                // A path without any part is the folder's own name.
                prop_assert!(file.starts_with(&folder), "{:?} of {:?}", file, path);
            }
            if is_written {
                prop_assert!(!files.is_empty());
                let read = runtime.block_on(async { own.get(&path).await?.bytes().await });
                prop_assert_eq!(&read.unwrap()[..], b"own");
                prop_assert!(runtime.block_on(objects(&store).of(&member("acme2")).get(&path)).is_err());
            }
            if root.join("uploads").is_dir() {
                std::fs::remove_dir_all(root.join("uploads")).unwrap();
            }
        }
    }
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}
