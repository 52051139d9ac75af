//! What destroys, or changes many, is confirmed.

use crate::support::{Service, on_both};

fn the_id_is_typed_or_given(service: &Service) {
    for line in ["tenant create acme --strategy row", "tenant archive acme"] {
        service.run(line.split(' ')).ended(0);
    }
    let delete = ["tenant", "delete", "acme", "--grace", "0s"];
    // No terminal, and no confirmation.
    let refused = service.run(delete).ended(2);
    assert!(refused.stderr.contains("no terminal"), "{refused:?}");
    assert!(refused.stderr.contains("--confirm acme"), "{refused:?}");
    let refused = service.run(delete.into_iter().chain(["--json"])).ended(2).document();
    assert_eq!(refused["error"]["code"], "confirmation_required");
    // Something else, or nothing, is typed.
    for typed in ["globex\n", "\n", "\u{4}", "ACME\n", "y\n"] {
        let refused = service.type_in(delete, typed).ended(1);
        assert!(refused.stdout.contains("Type its id"), "{refused:?}");
    }
    assert_eq!(service.status("acme"), "archived");
    service.type_in(delete, "acme\n").ended(0);
    assert_eq!(service.status("acme"), "removed");
    // Done already, there is nothing to confirm.
    let again = service.json(delete);
    assert_eq!(again["changed"], false);
}
on_both!(deleting, super::the_id_is_typed_or_given);

fn many_are_confirmed(service: &Service) {
    for id in ["acme", "globex"] {
        service.run(["tenant", "create", id, "--strategy", "row"]).ended(0);
    }
    let suspend = ["tenant", "suspend", "--status", "active"];
    let refused = service.run(suspend.into_iter().chain(["--json"])).ended(2).document();
    assert_eq!(refused["error"]["code"], "confirmation_required");
    let refused = service.type_in(suspend, "n\n").ended(1);
    assert!(refused.stdout.contains("suspend 2 tenants? [y/N]"), "{refused:?}");
    assert_eq!(service.status("acme"), "active");
    service.type_in(suspend, "y\n").ended(0);
    assert_eq!(
        (service.status("acme"), service.status("globex")),
        ("suspended".into(), "suspended".into())
    );
    let activated = service.json(["tenant", "activate", "--all", "--yes"]);
    assert_eq!(activated["tenants"].as_array().unwrap().len(), 2);
}
on_both!(many, super::many_are_confirmed);
