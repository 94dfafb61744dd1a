//! The migrations of a package, and the tables that they create.

use std::collections::BTreeSet;

use sqlx::migrate::Migrator;

/// The migrations of one package, for both products. [`migrations!`](crate::migrations!) creates it.
#[derive(Debug)]
pub struct Migrations {
    pub sqlite: Migrator,
    pub postgres: Migrator,
}

/// Embeds `migrations/sqlite` and `migrations/postgres` of the calling package.
#[macro_export]
macro_rules! migrations {
    () => {
        $crate::Migrations {
            sqlite: ::sqlx::migrate!("migrations/sqlite"),
            postgres: ::sqlx::migrate!("migrations/postgres"),
        }
    };
}

/// The tables that exist after `migrations`, each of which is an SQL text.
pub(crate) fn tables_of<'s>(migrations: impl Iterator<Item = &'s str>) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    for statement in migrations.flat_map(|sql| sql.split(';')) {
        let lines = statement.lines().filter(|line| !line.trim_start().starts_with("--"));
        let statement = lines.collect::<Vec<_>>().join(" ");
        let words: Vec<&str> =
            statement.split(|letter: char| letter.is_whitespace() || letter == '(').collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        match words[..] {
            ["CREATE", "TABLE", "IF", "NOT", "EXISTS", name, ..] | ["CREATE", "TABLE", name, ..] => {
                tables.insert(name.to_owned());
            }
            ["DROP", "TABLE", "IF", "EXISTS", name, ..] | ["DROP", "TABLE", name, ..] => {
                tables.remove(name);
            }
            ["ALTER", "TABLE", name, "RENAME", "TO", other, ..] => {
                tables.remove(name);
                tables.insert(other.to_owned());
            }
            _ => {}
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_and_renamed_tables_are_not_expected() {
        let migrations = [
            "-- CREATE TABLE comment (id);\nCREATE TABLE one (id BIGINT);\nCREATE INDEX one_id ON one (id);",
            "CREATE TABLE IF NOT EXISTS two(id BIGINT); CREATE TABLE three (id BIGINT); INSERT INTO two VALUES (1)",
            "DROP TABLE one; ALTER TABLE three RENAME TO four; ALTER TABLE two ADD COLUMN x BIGINT;",
        ];
        let tables: Vec<_> = tables_of(migrations.into_iter()).into_iter().collect();
        assert_eq!(tables, ["four", "two"]);
    }
}
