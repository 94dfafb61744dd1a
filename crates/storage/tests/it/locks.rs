//! Checks every use of `Tx::lock` in the workspace against the numbers in the docs of `storage::locks`.

use std::collections::{BTreeMap, BTreeSet};

use crate::sql_rules::{workspace, workspace_files};

/// The locks of one package: the arguments of its calls, and the values of its constants.
#[derive(Default)]
struct Locks {
    arguments: BTreeSet<String>,
    constants: BTreeMap<String, String>,
}

/// Adds the locks that a source file takes, and the constants that it declares.
fn read(source: &str, locks: &mut Locks) {
    for call in source.split("tx.lock(").skip(1) {
        locks.arguments.extend(call.split(").await").next().map(str::to_owned));
    }
    for line in source.lines() {
        if let Some((name, value)) =
            line.split_once("const ").and_then(|(_, rest)| rest.split_once(": i64 = "))
        {
            locks.constants.insert(name.to_owned(), value.trim_end_matches(';').to_owned());
        }
    }
}

/// Violations of the rules in one package.
fn faults(locks: &Locks) -> Vec<String> {
    let mut faults = Vec::new();
    let (ids, tasks): (BTreeSet<&String>, BTreeSet<&String>) =
        locks.arguments.iter().partition(|argument| argument.ends_with(".get()"));
    if ids.len() > 1 {
        faults.push(format!("ids of more than one kind: {ids:?}"));
    }
    let mut numbers = BTreeSet::new();
    for task in tasks {
        let Some(value) = locks.constants.get(task) else {
            faults.push(format!("not a constant of this package: {task}"));
            continue;
        };
        let number = match value.strip_prefix("i64::MAX") {
            Some("") => Some(i64::MAX),
            Some(rest) => {
                rest.strip_prefix(" - ").and_then(|text| text.parse::<i64>().ok()).map(|n| i64::MAX - n)
            }
            None => value.parse().ok(),
        };
        match number {
            Some(number) if number > i64::MAX - 100 || (number > 0 && ids.is_empty()) => {
                if !numbers.insert(number) {
                    faults.push(format!("another lock has the number of {task}: {value}"));
                }
            }
            _ => faults.push(format!("not a number of a task: {task} is {value}")),
        }
    }
    faults
}

#[test]
fn no_two_locks_of_a_database_have_the_same_number() {
    let mut packages = BTreeMap::<String, Locks>::new();
    for file in workspace_files("rs") {
        let path = file.strip_prefix(workspace()).unwrap().display().to_string();
        let package = path.split('/').take(2).collect::<Vec<_>>().join("/");
        read(&std::fs::read_to_string(&file).unwrap(), packages.entry(package).or_default());
    }
    packages.retain(|_, locks| !locks.arguments.is_empty());
    let users: Vec<&String> = packages.keys().collect();
    assert_eq!(
        users,
        ["services/book", "services/point", "services/processor"],
        "the docs of storage::locks name them"
    );
    for (package, locks) in &packages {
        let faults = faults(locks);
        assert!(faults.is_empty(), "{package}: {faults:#?}");
    }
}

#[test]
fn violation_of_each_rule_is_found() {
    let found = |source: &str| {
        let mut locks = Locks::default();
        read(source, &mut locks);
        faults(&locks).len()
    };
    assert_eq!(found("tx.lock(customer.get()).await?; tx.lock(booking_id.get()).await?;"), 1);
    assert_eq!(found("tx.lock(17).await?;"), 1);
    assert_eq!(found("const A: i64 = -1;\ntx.lock(A).await?;"), 1);
    assert_eq!(found("const A: i64 = 1;\ntx.lock(A).await?;"), 0);
    assert_eq!(found("const A: i64 = 1;\ntx.lock(A).await?; tx.lock(customer.get()).await?;"), 1);
    let two = "const A: i64 = i64::MAX;\npub const B: i64 = i64::MAX - 1;\n";
    assert_eq!(
        found(&format!("{two}tx.lock(A).await?; tx.lock(B).await?; tx.lock(customer.get()).await?;")),
        0
    );
    let same = "const A: i64 = i64::MAX - 1;\nconst B: i64 = i64::MAX - 1;\n";
    assert_eq!(found(&format!("{same}tx.lock(A).await?; tx.lock(B).await?;")), 1);
}
