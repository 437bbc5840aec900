//! Stores of files: conditions, faults of what is on the disk, and two who change one secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::config::KeptIn;
use super::*;

struct Kept {
    dir: TempDir,
    store: Store,
}

fn kept() -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let store = store_in(&dir, 10);
    Kept { dir, store }
}

fn store_in(dir: &TempDir, versions_kept: usize) -> Store {
    Store::new(&Config {
        kept_in: KeptIn::File {
            folder: dir.path().join("secrets"),
            key: dir.path().join("secrets.key"),
            owner: None,
        },
        versions_kept,
        environment: DEFAULT_ENVIRONMENT.to_owned(),
        access: Access::default(),
    })
}

impl Kept {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("secrets").join(format!("{name}@default.secret"))
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("secrets.key")
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path().join("secrets")).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    async fn create(&self, name: &str, value: &str) -> Result<At, StoreError> {
        let creation = CreationId::random().unwrap();
        self.store.create(&id(name), creation, &secret(value), made()).await
    }

    async fn value(&self, name: &str) -> String {
        let got = self.store.get(&id(name), None).await.unwrap();
        got.value.as_text().unwrap().to_owned()
    }
}

fn id(name: &str) -> SecretId {
    SecretId::new(name, DEFAULT_ENVIRONMENT).unwrap()
}

fn secret(value: &str) -> Secret {
    Secret::new(value.as_bytes().to_vec())
}

fn made() -> Made {
    Made {
        by: "somebody\n".to_owned(),
        recipe: Recipe::Given,
    }
}

#[tokio::test]
async fn a_secret_has_versions_and_is_made_once() {
    let kept = kept();
    let first = kept.create("a", "one").await.unwrap();
    let refused = kept.create("a", "two").await.unwrap_err();
    let StoreError::Exists { creation, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!(creation, first.creation);
    let second = kept.store.put(&id("a"), &first, &secret("two"), made()).await.unwrap();
    assert_eq!(kept.value("a").await, "two");
    let got = kept.store.get(&id("a"), Some(Version::FIRST)).await.unwrap();
    assert_eq!((got.value.as_text(), got.at), (Some("one"), first));
    let third = second.version.next();
    let missing = kept.store.get(&id("a"), Some(third)).await.unwrap_err();
    assert_eq!(missing, StoreError::NoVersion(id("a"), third));
    let listed = kept.store.list().await.unwrap();
    let [only] = &listed.secrets[..] else {
        panic!("{listed:?}")
    };
    assert_eq!((&only.id, only.versions.len()), (&id("a"), 2));
    assert_eq!(only.newest().unwrap().made_by, "somebody ");
}

#[tokio::test]
async fn what_was_changed_meanwhile_is_not_changed_again() {
    let kept = kept();
    let first = kept.create("a", "one").await.unwrap();
    kept.store.put(&id("a"), &first, &secret("two"), made()).await.unwrap();
    let late = kept.store.put(&id("a"), &first, &secret("three"), made()).await;
    assert_eq!(late, Err(StoreError::Changed(id("a"))));
    assert_eq!(kept.value("a").await, "two");
    // Deleted and made anew, it has the same version and is not the same.
    kept.store.delete(&id("a"), None).await.unwrap();
    kept.create("a", "other").await.unwrap();
    let late = kept.store.put(&id("a"), &first, &secret("three"), made()).await;
    assert_eq!(late, Err(StoreError::Changed(id("a"))));
    assert_eq!(kept.value("a").await, "other");
}

#[tokio::test]
async fn who_made_a_secret_deletes_its_own_only() {
    let kept = kept();
    let theirs = CreationId::new("another stack");
    assert_eq!(
        kept.store.delete(&id("a"), Some(&theirs)).await,
        Err(StoreError::NotFound(id("a")))
    );
    let made = kept.create("a", "one").await.unwrap();
    assert_eq!(
        kept.store.delete(&id("a"), Some(&theirs)).await,
        Err(StoreError::OtherCreation(id("a")))
    );
    assert_eq!(kept.value("a").await, "one");
    kept.store.delete(&id("a"), Some(&made.creation)).await.unwrap();
    assert_eq!(
        kept.store.get(&id("a"), None).await.unwrap_err(),
        StoreError::NotFound(id("a"))
    );
}

#[tokio::test]
async fn of_many_who_change_a_version_at_once_one_does() {
    let kept = kept();
    let first = kept.create("a", "one").await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        // Stores of their own, as that of a command is.
        let (store, first) = (store_in(&kept.dir, 10), first.clone());
        tasks.spawn(async move { store.put(&id("a"), &first, &secret(&format!("{number}")), made()).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let changed = outcomes
        .iter()
        .filter(|outcome| **outcome == Err(StoreError::Changed(id("a"))));
    assert_eq!(changed.count(), 7);
    assert_eq!(kept.store.describe(&id("a")).await.unwrap().versions.len(), 2);
}

#[tokio::test]
async fn of_many_who_make_one_secret_one_does_and_all_know_the_key() {
    let kept = kept();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = store_in(&kept.dir, 10);
        tasks.spawn(async move {
            let name = format!("s{}", number % 2);
            let creation = CreationId::random().unwrap();
            store.create(&id(&name), creation, &secret(&name), made()).await
        });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Ok(_) | Err(StoreError::Exists { .. })))
    );
    assert_eq!(
        (kept.value("s0").await, kept.value("s1").await),
        ("s0".into(), "s1".into())
    );
}

#[tokio::test]
async fn old_versions_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept {
        store: store_in(&dir, 2),
        dir,
    };
    let mut at = kept.create("a", "1").await.unwrap();
    for value in ["2", "3"] {
        at = kept.store.put(&id("a"), &at, &secret(value), made()).await.unwrap();
    }
    assert_eq!(
        kept.store.get(&id("a"), Some(Version::FIRST)).await.unwrap_err(),
        StoreError::NoVersion(id("a"), Version::FIRST)
    );
    assert_eq!(kept.store.describe(&id("a")).await.unwrap().versions.len(), 2);
}

#[tokio::test]
async fn nothing_on_the_disk_shows_a_value_and_only_the_owner_reads_it() {
    let kept = kept();
    kept.create("a", "not-to-be-seen").await.unwrap();
    for path in [kept.path("a"), kept.key()] {
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{path:?}"
        );
        let text = fs::read_to_string(&path).unwrap();
        let encoded = data_encoding::BASE64.encode(b"not-to-be-seen");
        assert!(!text.contains("not-to-be-seen") && !text.contains(encoded.trim_end_matches('=')));
    }
    assert_eq!(kept.files(), ["a@default.secret", "lock"]);
}

#[tokio::test]
async fn a_value_that_was_changed_or_moved_is_not_given() {
    let kept = kept();
    let first = kept.create("a", "one").await.unwrap();
    kept.store.put(&id("a"), &first, &secret("two"), made()).await.unwrap();
    let text = fs::read_to_string(kept.path("a")).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sealed = |number: usize| document["versions"][number]["sealed"]["octets"].clone();
    let (older, newer) = (sealed(0), sealed(1));
    // The older value in the newer's place, and an octet that is another.
    document["versions"][1]["sealed"]["octets"] = older;
    fs::write(kept.path("a"), document.to_string()).unwrap();
    let moved = kept.store.get(&id("a"), None).await.unwrap_err();
    assert!(matches!(moved, StoreError::Sealed { .. }), "{moved}");
    let mut octets = data_encoding::BASE64
        .decode(newer.as_str().unwrap().as_bytes())
        .unwrap();
    *octets.last_mut().unwrap() ^= 1;
    document["versions"][1]["sealed"]["octets"] = data_encoding::BASE64.encode(&octets).into();
    fs::write(kept.path("a"), document.to_string()).unwrap();
    let changed = kept.store.get(&id("a"), None).await.unwrap_err();
    assert!(matches!(changed, StoreError::Sealed { .. }), "{changed}");
    // That of another name, which says that it is this one.
    fs::write(kept.path("a"), &text).unwrap();
    document = serde_json::from_str(&text).unwrap();
    document["name"] = "b".into();
    fs::write(kept.path("b"), document.to_string()).unwrap();
    let stolen = kept.store.get(&id("b"), None).await.unwrap_err();
    assert!(matches!(stolen, StoreError::Sealed { .. }), "{stolen}");
    assert_eq!(kept.value("a").await, "two");
}

#[tokio::test]
async fn a_file_that_is_torn_or_another_is_left_as_it_is() {
    let kept = kept();
    let at = kept.create("a", "one").await.unwrap();
    kept.create("b", "two").await.unwrap();
    let whole = fs::read(kept.path("a")).unwrap();
    let foreign = fs::read(kept.path("b")).unwrap();
    for content in [&whole[..whole.len() / 2], b"", b"something of mine", &foreign[..]] {
        fs::write(kept.path("a"), content).unwrap();
        let creation = CreationId::random().unwrap();
        let outcomes = [
            kept.store.get(&id("a"), None).await.map(drop),
            kept.store.put(&id("a"), &at, &secret("x"), made()).await.map(drop),
            kept.store
                .create(&id("a"), creation, &secret("x"), made())
                .await
                .map(drop),
            kept.store.delete(&id("a"), None).await,
        ];
        for outcome in outcomes {
            assert!(matches!(outcome, Err(StoreError::Broken { .. })), "{outcome:?}");
        }
        assert_eq!(fs::read(kept.path("a")).unwrap(), content);
        let listed = kept.store.list().await.unwrap();
        assert_eq!((listed.secrets.len(), listed.broken.len()), (1, 1));
    }
}

#[tokio::test]
async fn a_crash_between_write_and_rename_leaves_the_old_value() {
    let kept = kept();
    let at = kept.create("a", "one").await.unwrap();
    // What is there then: a file beside, whole or not, and no process that holds the lock.
    let left = kept.path("a").with_extension("secret.0123.new");
    fs::write(&left, b"half of it").unwrap();
    assert_eq!(kept.value("a").await, "one");
    assert_eq!(kept.store.list().await.unwrap().broken, []);
    kept.store.put(&id("a"), &at, &secret("two"), made()).await.unwrap();
    assert_eq!(kept.value("a").await, "two");
    assert!(!left.exists());
}

#[tokio::test]
async fn a_key_is_the_owners_alone_and_never_made_anew_where_there_are_secrets() {
    let kept = kept();
    kept.create("a", "one").await.unwrap();
    let key = fs::read(kept.key()).unwrap();
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(kept.key(), fs::Permissions::from_mode(mode)).unwrap();
        let refused = kept.store.get(&id("a"), None).await.unwrap_err().to_string();
        assert!(refused.contains("others than its owner may use it"), "{refused}");
    }
    fs::remove_file(kept.key()).unwrap();
    for outcome in [
        kept.store.get(&id("a"), None).await.map(drop),
        kept.create("b", "two").await.map(drop),
    ] {
        let gone = outcome.unwrap_err().to_string();
        assert!(gone.contains("is gone"), "{gone}");
    }
    assert!(!kept.key().exists());
    // Another key opens nothing, and says so.
    fs::rename(kept.path("a"), kept.dir.path().join("aside")).unwrap();
    kept.create("b", "two").await.unwrap();
    fs::rename(kept.dir.path().join("aside"), kept.path("a")).unwrap();
    let other = kept.store.get(&id("a"), None).await.unwrap_err().to_string();
    assert!(other.contains("under another key"), "{other}");
    fs::write(kept.key(), key).unwrap();
    assert_eq!(kept.value("a").await, "one");
}

#[tokio::test]
async fn a_value_is_neither_empty_nor_too_long() {
    let kept = kept();
    for octets in [0, SECRET_BYTES_MAX + 1] {
        let refused = kept.create("a", &"x".repeat(octets)).await;
        assert_eq!(refused, Err(StoreError::Length(octets)));
    }
    kept.create("a", &"x".repeat(SECRET_BYTES_MAX)).await.unwrap();
    assert_eq!(kept.value("a").await.len(), SECRET_BYTES_MAX);
}
