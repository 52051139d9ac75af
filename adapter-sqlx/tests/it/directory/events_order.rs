//! The order of events is the order of commits: a reader who has read up to one has missed none before it.

use sqlx::Connection;
use tenancy_sqlx::PgDirectory;

use super::{active, id, member};
use crate::postgres::support::server::TestDatabase;

/// A writer that is held open just before its commit, and a quick one beside it. The slow one's event must not come to light
/// behind the reader.
#[tokio::test]
async fn a_slow_writer_beside_a_quick_one() {
    let database = TestDatabase::new().await;
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    directory.upsert_all(&[active("slow"), active("quick")]).await.unwrap();
    let after = directory.events(0, 10.try_into().unwrap()).await.unwrap()[1].seq;
    // Deferred, it runs at the commit, when the event is written and its number is taken.
    let mut administrator = database.connect().await;
    sqlx::raw_sql(
        "create function wait_a_moment() returns trigger language plpgsql as $$
             begin perform pg_sleep(2); return null; end $$;
         create constraint trigger wait after insert on tenancy_members deferrable initially deferred
             for each row when (new.tenant = 'slow') execute function wait_a_moment()",
    )
    .execute(&mut administrator)
    .await
    .unwrap();
    let slow = {
        let directory = directory.clone();
        tokio::spawn(async move { directory.add_member(&id("slow"), &member("alice", "", &[])).await })
    };
    // Until the slow one has its number, and is about to commit.
    let mut other = database.connect().await;
    let is_asleep = async {
        let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
        while sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut other).await.unwrap() == 0 {}
    };
    let limit = std::time::Duration::from_secs(60);
    tokio::time::timeout(limit, is_asleep)
        .await
        .expect("the slow writer commits");
    let quick = directory.add_member(&id("quick"), &member("bob", "", &[])).await;
    assert!(quick.unwrap());
    let read = directory.events(after, 10.try_into().unwrap()).await.unwrap();
    let tenants: Vec<_> = read
        .iter()
        .map(|event| event.tenant.as_ref().unwrap().as_str())
        .collect();
    assert_eq!(tenants, ["slow", "quick"], "one who reads `quick` has seen `slow`");
    assert!(slow.await.unwrap().unwrap());
    other.close().await.unwrap();
}

/// Many writers at once, and a reader who remembers the last number that they saw: in the end they have seen everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_beside_many_writers_misses_nothing() {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let database = TestDatabase::new().await;
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    let tenants: Vec<_> = (0..WRITERS).map(|number| active(&format!("t{number}"))).collect();
    directory.upsert_all(&tenants).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let directory = directory.clone();
            tokio::spawn(async move {
                let tenant = id(&format!("t{number}"));
                for round in 0..EACH {
                    if round % 5 == 0 {
                        let is_suspended = round % 10 == 0;
                        let done = if is_suspended {
                            directory.suspend(&tenant).await
                        } else {
                            directory.activate(&tenant).await
                        };
                        assert!(done.unwrap());
                    } else {
                        let member = member(&format!("m{round}"), "", &[]);
                        assert!(directory.add_member(&tenant, &member).await.unwrap());
                    }
                }
            })
        })
        .collect();
    let expected = WRITERS * EACH + WRITERS;
    let mut reader = directory.follow_events("audit".parse().unwrap()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < expected {
        let events = tokio::time::timeout(
            std::time::Duration::from_secs(60),
            reader.next_batch(7.try_into().unwrap()),
        );
        seen.extend(
            events
                .await
                .expect("an event was missed")
                .unwrap()
                .into_iter()
                .map(|event| event.seq),
        );
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(seen.is_sorted_by(|before, after| before < after));
    assert_eq!(
        directory.events(0, 10_000.try_into().unwrap()).await.unwrap().len(),
        expected
    );
}

/// Two who add a membership at once have added it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_that_two_add_at_once_is_added_once() {
    let database = TestDatabase::new().await;
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    directory.upsert(&active("acme")).await.unwrap();
    // Between the look and the write of each there is time for the other.
    sqlx::raw_sql(
        "create function wait_a_moment() returns trigger language plpgsql as $$
             begin perform pg_sleep(0.3); return new; end $$;
         create trigger wait before insert on tenancy_members for each row execute function wait_a_moment()",
    )
    .execute(&mut database.connect().await)
    .await
    .unwrap();
    let both = ["editor", "owner"].map(|role| {
        let directory = directory.clone();
        tokio::spawn(async move { directory.add_member(&id("acme"), &member("alice", "", &[role])).await })
    });
    for one in both {
        assert!(one.await.unwrap().unwrap());
    }
    let events = directory.events(0, 10.try_into().unwrap()).await.unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["tenant.created", "member.added", "member.changed"]);
    assert_eq!(events[1].after, events[2].before);
}
