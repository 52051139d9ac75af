//! The first line is a template, the rest a path: a template that parses is displayed as it was, and finds in the path
//! what the oracle finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenancy_core::resolve::PathTemplate;
use tenancy_oracle::{Form, Oracle, Source, Target, core, generate, is_template};

fuzz_target!(|text: &str| {
    let (template, path) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(parsed) = template.parse::<PathTemplate>() else {
        return;
    };
    assert_eq!(parsed.to_string(), template);
    assert!(is_template(template));
    let Ok(mut case) = generate(&mut arbitrary::Unstructured::new(&[])) else {
        return;
    };
    case.configuration.path_template = template.to_owned();
    case.request.method = "GET".to_owned();
    case.request.target = Target::Pseudo {
        authority: None,
        path: path.to_owned(),
    };
    for form in [Form::Id, Form::External] {
        case.configuration.sources = vec![Source::Path(form)];
        assert_eq!(
            core::answer(&case),
            Oracle::default().answer(&case),
            "{template:?} {path:?}"
        );
    }
});
