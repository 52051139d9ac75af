//! Foreign keys whose actions reach the tenant's column, and keys that compare it otherwise than by its bytes.

use sqlx::AssertSqlSafe;
use tenancy_sqlx::PgFault;

use crate::postgres::support::schema_server::run;
use crate::postgres::verify::verify::{guarded, verify};
use crate::postgres::verify::verify_faults::Planted;
use crate::postgres::verify::verify_planted::check_each;

const CLEARING: &[Planted] = &[
    Planted {
        fault: "alter table tags drop constraint tags_tenant_id_note_fkey,
            add constraint kept foreign key (tenant_id, note) references notes (tenant_id, id) on delete set null",
        found: &[(PgFault::ForeignKeyClearsTenant, "kept on public.tags")],
        leak: None,
    },
    Planted {
        fault: "alter table tags add constraint kept foreign key (note, tenant_id) references notes (id, tenant_id)
            on update cascade on delete set default deferrable initially deferred",
        found: &[(PgFault::ForeignKeyClearsTenant, "kept on public.tags")],
        leak: None,
    },
    Planted {
        fault: "alter table tags add constraint kept foreign key (tenant_id, note) references notes (tenant_id, id)
            on update set null",
        found: &[(PgFault::ForeignKeyClearsTenant, "kept on public.tags")],
        leak: None,
    },
    Planted {
        fault: "alter table tags add constraint kept foreign key (tenant_id, note) references notes (tenant_id, id)
            on update set default on delete set null (tenant_id) not valid",
        found: &[(PgFault::ForeignKeyClearsTenant, "kept on public.tags")],
        leak: None,
    },
    // What it refers to has no tenants.
    Planted {
        fault: "create table regions (name text primary key);
            alter table tags add constraint kept foreign key (tenant_id) references regions on delete set null not valid",
        found: &[(PgFault::ForeignKeyClearsTenant, "kept on public.tags")],
        leak: None,
    },
    Planted {
        fault: "alter table bookings add column note bigint; alter table bookings_2026 add constraint \"Kept\" foreign key (tenant_id, note)
            references notes (tenant_id, id) on delete set null",
        found: &[(PgFault::ForeignKeyClearsTenant, "\"Kept\" on public.bookings_2026")],
        leak: None,
    },
    Planted {
        fault: "alter table tags add constraint fine foreign key (tenant_id, note) references notes (tenant_id, id)
            on update cascade on delete set null (note)",
        found: &[],
        leak: None,
    },
];

#[tokio::test]
async fn actions_that_clear_the_tenant_are_found() {
    check_each(CLEARING).await;
}

/// A table of plans, from which the application may delete.
macro_rules! plans {
    ($then:literal) => {
        concat!(
            "create table plans (name text primary key, code text unique); insert into plans values ('free', 'f');
            grant select, delete, update (code) on plans to APP;
            alter table notes add column plan text default 'free', add column code text default 'f'; ",
            $then
        )
    };
}

/// One tenant's delete deletes or changes rows of the other.
const ACROSS: &[Planted] = &[
    Planted {
        fault: plans!(
            "alter table notes add constraint of_plan foreign key (plan) references plans on delete cascade;
            create table seen (body text); grant select on seen to APP;
            create function remember() returns trigger language plpgsql as
                'begin insert into public.seen values (old.body); return old; end';
            create trigger remembers before delete on notes for each row execute function remember()"
        ),
        found: &[(PgFault::ForeignKeyAcross, "of_plan on public.notes")],
        leak: Some("delete from plans; select body from seen"),
    },
    Planted {
        fault: plans!(
            "alter table notes add constraint of_plan foreign key (plan) references plans on delete set null"
        ),
        found: &[(PgFault::ForeignKeyAcross, "of_plan on public.notes")],
        leak: None,
    },
    Planted {
        fault: plans!(
            "alter table notes add constraint of_code foreign key (code) references plans (code)
                on update cascade on delete restrict deferrable"
        ),
        found: &[(PgFault::ForeignKeyAcross, "of_code on public.notes")],
        leak: None,
    },
    // By a table in between, on a partition.
    Planted {
        fault: plans!(
            "create table offers (id int primary key, plan text references plans on delete cascade);
            alter table bookings add column offer int;
            alter table bookings_2026 add constraint of_offer foreign key (offer) references offers on delete cascade"
        ),
        found: &[(PgFault::ForeignKeyAcross, "of_offer on public.bookings_2026")],
        leak: None,
    },
    // It does nothing, or nothing that the application can start.
    Planted {
        fault: plans!(
            "alter table notes add constraint of_plan foreign key (plan) references plans on delete restrict;
            create table regions (name text primary key); grant select, insert on regions to APP;
            alter table notes add column region text references regions on delete cascade on update cascade"
        ),
        found: &[],
        leak: None,
    },
];

#[tokio::test]
async fn actions_that_reach_every_tenant_are_found() {
    check_each(ACROSS).await;
}

/// The key that is mended is the one that was, but for the columns that are cleared.
#[tokio::test]
async fn a_mended_foreign_key_keeps_its_clauses() {
    for (key, expected) in [
        (
            "(tenant_id, \"No\"\"te (x\") references notes (tenant_id, id) match full on update cascade on delete set null
                deferrable initially deferred not valid",
            "FOREIGN KEY (tenant_id, \"No\"\"te (x\") REFERENCES notes(tenant_id, id) MATCH FULL ON UPDATE CASCADE \
                ON DELETE SET NULL (\"No\"\"te (x\") DEFERRABLE INITIALLY DEFERRED NOT VALID",
        ),
        (
            "(tenant_id, \"No\"\"te (x\") references notes (tenant_id, id) on update set null on delete set default (tenant_id)
                deferrable",
            "FOREIGN KEY (tenant_id, \"No\"\"te (x\") REFERENCES notes(tenant_id, id) DEFERRABLE",
        ),
        (
            "(\"No\"\"te (x\") references notes (id) match full on update restrict on delete set null deferrable initially deferred",
            "FOREIGN KEY (tenant_id, \"No\"\"te (x\") REFERENCES notes(tenant_id, id) ON UPDATE RESTRICT \
                ON DELETE SET NULL (\"No\"\"te (x\") DEFERRABLE INITIALLY DEFERRED",
        ),
    ] {
        let database = guarded().await;
        let mut administrator = database.connect().await;
        let planted = format!(
            "alter table notes add constraint id_alone unique (id); alter table tags add column \"No\"\"te (x\" bigint;
            alter table tags add constraint \"Odd, key\" foreign key {key}"
        );
        run(&mut administrator, planted).await;
        for finding in verify(&database).await.findings() {
            run(&mut administrator, finding.mend()).await;
        }
        let report = verify(&database).await;
        assert!(report.is_clean(), "{key}: {report}");
        let definition = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'Odd, key'";
        let definition: String = sqlx::query_scalar(definition).fetch_one(&mut administrator).await.unwrap();
        assert_eq!(definition, expected);
    }
}

/// Where nothing but the wrong key is there to refer to, the mends are run in the order of the findings.
const REFERRED: &[Planted] = &[
    Planted {
        fault: "alter table tags drop constraint tags_tenant_id_note_fkey;
            alter table notes drop constraint notes_pkey, add primary key (id) include (body), add parent bigint
                constraint child references notes on delete cascade;
            alter table tags add constraint one foreign key (note) references notes on delete restrict,
                add constraint two foreign key (note) references notes",
        found: &[
            (PgFault::ForeignKeyWithoutTenant, "child on public.notes"),
            (PgFault::ForeignKeyWithoutTenant, "one on public.tags"),
            (PgFault::ForeignKeyWithoutTenant, "two on public.tags"),
            (PgFault::KeyWithoutTenant, "notes_pkey on public.notes"),
        ],
        leak: None,
    },
    // Tables in a cycle, with columns in another order than those of the partition.
    Planted {
        fault: "create table \"Days\" (email text, body text, day int not null, tenant_id text not null);
            alter table \"Days\" alter column email set not null, alter column body set not null;
            alter table bookings attach partition \"Days\" for values from (2024) to (2025);
            alter table bookings add column note bigint, add unique (tenant_id, day),
                add constraint fine foreign key (tenant_id, note) references notes (tenant_id, id) on delete set null (note);
            alter table notes add column day int,
                add constraint back foreign key (tenant_id, day) references bookings (tenant_id, day)",
        found: &[],
        leak: None,
    },
    Planted {
        fault: "alter table tags drop constraint tags_tenant_id_note_fkey;
            alter table notes drop constraint notes_pkey, add constraint \"P(K\" primary key (id);
            alter table bookings add column note bigint,
                add constraint \"F(K\" foreign key (note) references notes on update cascade on delete set null",
        found: &[
            (PgFault::ForeignKeyWithoutTenant, "\"F(K\" on public.bookings"),
            (PgFault::KeyWithoutTenant, "\"P(K\" on public.notes"),
        ],
        leak: None,
    },
    // It cannot be mended without a decision: the tenant is paired with another column.
    Planted {
        fault: "alter table tags add column owner text, add constraint crossed foreign key (owner, note)
                references notes (tenant_id, id)",
        found: &[(PgFault::ForeignKeyWithoutTenant, "crossed on public.tags")],
        leak: None,
    },
    Planted {
        fault: "create unique index plain on notes (body text_pattern_ops desc) with (fillfactor = 70) where id > 0",
        found: &[(PgFault::KeyWithoutTenant, "plain on public.notes")],
        leak: None,
    },
    Planted {
        fault: "create extension btree_gist; alter table notes add constraint apart
            exclude using gist (body with =, tenant_id with <>)",
        found: &[(PgFault::KeyWithoutTenant, "apart on public.notes")],
        leak: None,
    },
    Planted {
        fault: "create extension btree_gist; alter table notes add constraint apart
            exclude using gist (body with =, tenant_id with =)",
        found: &[],
        leak: None,
    },
    Planted {
        fault: "create collation alike (provider = icu, locale = 'und-u-ka-shifted', deterministic = false);
            create unique index apart on notes (tenant_id collate alike, body)",
        found: &[(PgFault::KeyWithoutTenant, "apart on public.notes")],
        leak: None,
    },
];

#[tokio::test]
async fn keys_are_mended_with_what_refers_to_them() {
    check_each(REFERRED).await;
}

/// Punctuation counts for nothing: `globex` is `glo-bex`, and `acme` is `ac-me`.
const ALIKE: &str = "create collation alike (provider = icu, locale = 'und-u-ka-shifted', deterministic = false)";

#[tokio::test]
async fn a_collation_that_calls_ids_equal_is_found() {
    let leak = "select body from notes where body = 'of globex'";
    for (column, is_mended) in [
        // A foreign key between two such columns.
        (
            "alter table notes alter column tenant_id type text collate alike; drop policy tenancy_tenant on tags;
            alter table tags alter column tenant_id type text collate alike,
                add foreign key (tenant_id, note) references notes (tenant_id, id)",
            true,
        ),
        ("alter table notes alter column tenant_id type text collate alike", true),
        (
            "alter table notes alter column tenant_id type text collate alike;
            create view mine with (security_invoker = true) as select tenant_id from notes",
            false,
        ),
    ] {
        let database = guarded().await;
        let mut administrator = database.connect().await;
        let sql = format!(
            "{ALIKE}; drop policy tenancy_tenant on notes; alter table tags drop constraint tags_tenant_id_note_fkey;
            {column}; update notes set tenant_id = 'ac-me', name = 'second' where tenant_id = 'globex'"
        );
        run(&mut administrator, sql).await;
        run(
            &mut administrator,
            crate::postgres::verify::verify::schema(&database).sql(),
        )
        .await;
        let report = verify(&database).await;
        let finding = &report.findings()[0];
        assert_eq!(
            (finding.fault(), finding.object()),
            (PgFault::ColumnCollation, "public.notes.tenant_id")
        );
        let is_one = |finding: &tenancy_sqlx::PgFinding| finding.fault() == PgFault::ColumnCollation;
        assert!(report.findings().iter().all(is_one), "{report}");
        assert_eq!(
            crate::postgres::verify::verify::seen_by_acme(&database, leak)
                .await
                .unwrap(),
            ["of globex"]
        );
        assert_eq!(!finding.mend().is_empty(), is_mended);
        if is_mended {
            for finding in report.findings() {
                run(&mut administrator, finding.mend()).await;
            }
            let report = verify(&database).await;
            assert!(report.is_clean(), "{report}");
            assert!(
                crate::postgres::verify::verify::seen_by_acme(&database, leak)
                    .await
                    .unwrap()
                    .is_empty()
            );
        }
    }
}

/// Each compares other texts than equal ones as equal, or is not what is declared.
#[tokio::test]
async fn a_column_of_another_type_is_found() {
    for column_type in ["char(10)", "citext", "ids", "name"] {
        let database = guarded().await;
        let mut administrator = database.connect().await;
        let sql = format!(
            "create extension citext; create domain ids as text; create table others (tenant_id {column_type} not null)"
        );
        run(&mut administrator, sql).await;
        let others = tenancy_sqlx::PgTenantTable::new("others").unwrap();
        let declared = database.schema().with_table(others);
        // Where the policies can be made at all.
        let _ = sqlx::raw_sql(AssertSqlSafe(declared.sql()))
            .execute(&mut administrator)
            .await;
        let report = declared.verify(&mut database.connect().await).await.unwrap();
        let found = |finding: &tenancy_sqlx::PgFinding| finding.fault() == PgFault::ColumnType;
        assert!(report.findings().iter().any(found), "{column_type}: {report}");
        assert!(!report.is_safe());
    }
}
