//! Functions that nothing explains.

use super::*;

#[test]
fn a_function_that_nothing_explains_is_named_until_its_caller_speaks() {
    let reducer = Reducer::new(Settings::default());
    let told: Vec<Told> =
        (1..=3).map(|n| handler("mailer", "i1", (n, 10 * n, 0), &format!("request-{n}"))).collect();
    reducer.ingest(&request(&told), 0).unwrap();
    let names = || -> Vec<String> {
        reducer.unknown_triggers(2.0).into_iter().map(|node| node.name).collect()
    };
    assert!(names().is_empty(), "its callers may still come");
    reducer.drain(31_000);
    assert_eq!(names(), ["mailer"]);
    assert!(reducer.unknown_triggers(4.0).is_empty());
    let callers: Vec<Told> = (1..=3)
        .map(|n| invoke("front", "i2", (100 + n, 7 * n, 0), "mailer", &format!("request-{n}")))
        .collect();
    reducer.ingest(&request(&callers), 32_000).unwrap();
    assert!(names().is_empty(), "{:?}", edges(&reducer));
}
