//! Checks every SQL text of the workspace against the rules in the docs of `storage`.

use std::path::{Path, PathBuf};

/// Column types that both products store and return alike. SQLite's generated key is the exception.
const TYPES: [&str; 7] = ["BIGINT", "SMALLINT", "TEXT", "DOUBLE", "BLOB", "BYTEA", "INTEGER PRIMARY KEY"];

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn files(directory: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "tests" {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

pub fn workspace_files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for room in ["crates", "services"] {
        files(&workspace().join(room), extension, &mut found);
    }
    assert!(found.len() > 3, "no workspace found");
    found
}

/// Violations of the rules in a migration.
fn migration_faults(sql: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let statements: String =
        sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    for line in statements.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_column = words.len() > 1
            && words[0]
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
        if is_column && !TYPES.iter().any(|allowed| words[1..].join(" ").starts_with(allowed)) {
            faults.push(format!("column of another type: {line}"));
        }
        let unnamed = ["UNIQUE", "CHECK", "FOREIGN KEY"].iter().any(|constraint| {
            line.contains(constraint) && !line.contains("CONSTRAINT") && !line.starts_with("CREATE")
        });
        if unnamed {
            faults.push(format!("constraint without a name: {line}"));
        }
    }
    faults
}

/// Violations of the rules in the SQL of a source file.
fn statement_faults(source: &str) -> Vec<String> {
    let sql: Vec<String> = source.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    // A part that several statements share has its own literal.
    let statements = sql.iter().filter(|text| {
        text.contains("(SELECT ")
            || ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"]
                .iter()
                .any(|verb| text.trim_start().starts_with(verb))
    });
    let mut faults = Vec::new();
    for statement in statements {
        let upper = statement.to_uppercase();
        for (forbidden, why) in [
            ("NOW()", "the program binds the time"),
            ("CURRENT_TIMESTAMP", "the program binds the time"),
            ("?", "placeholders are $1, $2"),
            ("INSERT OR", "exists only on SQLite: use ON CONFLICT"),
            (" TRUE", "booleans are SMALLINT 0 and 1"),
            (" FALSE", "booleans are SMALLINT 0 and 1"),
        ] {
            if upper.contains(forbidden) {
                faults.push(format!("{forbidden}, {why}: {statement}"));
            }
        }
        let sums = upper.matches("SUM(").count() + upper.matches("COUNT(").count();
        if sums > upper.matches("CAST(").count() {
            faults.push(format!("a sum or count without CAST(… AS BIGINT): {statement}"));
        }
    }
    faults
}

#[test]
fn every_migration_keeps_to_the_rules() {
    for file in workspace_files("sql") {
        let faults = migration_faults(&std::fs::read_to_string(&file).unwrap());
        assert!(faults.is_empty(), "{}: {faults:#?}", file.display());
    }
}

#[test]
fn every_statement_keeps_to_the_rules() {
    for file in workspace_files("rs") {
        let faults = statement_faults(&std::fs::read_to_string(&file).unwrap());
        assert!(faults.is_empty(), "{}: {faults:#?}", file.display());
    }
}

#[test]
fn migrations_of_both_products_have_the_same_columns() {
    for file in workspace_files("sql") {
        let path = file.display().to_string();
        if path.contains("/migrations/sqlite/") {
            let other = path.replace("/migrations/sqlite/", "/migrations/postgres/");
            let columns = |path: &str| {
                let sql = std::fs::read_to_string(path).unwrap_or_default();
                let lines =
                    sql.lines().map(|line| line.split_whitespace().next().unwrap_or_default().to_owned());
                lines.collect::<Vec<_>>()
            };
            assert_eq!(columns(&path), columns(&other), "{path} and {other}");
        }
    }
}

#[test]
fn violation_of_each_rule_is_found() {
    assert_eq!(migration_faults("    paid BOOLEAN NOT NULL,").len(), 1);
    assert_eq!(migration_faults("    id BIGINT NOT NULL UNIQUE,").len(), 1);
    assert_eq!(migration_faults("    id BIGINT NOT NULL CONSTRAINT one UNIQUE,").len(), 0);
    assert_eq!(statement_faults("query(\"SELECT SUM(score) FROM points\")").len(), 1);
    assert_eq!(statement_faults("query(\"UPDATE a SET at = now()\")").len(), 1);
    assert_eq!(statement_faults("concat!(\"b, (SELECT MAX(at) FROM a WHERE at < now())\")").len(), 1);
    assert_eq!(statement_faults("query(\"SELECT a FROM b WHERE c = ?\")").len(), 1);
    assert_eq!(statement_faults("query(\"SELECT CAST(SUM(a) AS BIGINT) FROM b\")").len(), 0);
}
