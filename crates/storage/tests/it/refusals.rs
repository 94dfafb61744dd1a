//! Tests of the messages for operators about a database that cannot be used, and of TLS, with `--features
//! tls`.

use std::os::unix::fs::MetadataExt;

use storage::{DatabaseUrl, Db, Migrations, Settings};

/// The address and the password of a server with users. Without such a server, tests are skipped, but not in
/// the gate.
fn server() -> Option<(String, String)> {
    let (Ok(address), Ok(password)) =
        (std::env::var("TEST_POSTGRES_SECURED"), std::env::var("TEST_PASSWORD"))
    else {
        assert!(std::env::var_os("MARQUEE_TEST_BACKENDS").is_none(), "see .ci/backends");
        println!("skipped: needs a PostgreSQL that requires a password (see .ci/backends)");
        return None;
    };
    Some((address, password))
}

async fn open(url: &str) -> Result<Db, String> {
    let url: DatabaseUrl = url.parse().unwrap();
    Db::open(&url, Settings::default()).await.map_err(|error| url.explain(&error))
}

async fn refusal(url: &str) -> String {
    open(url).await.expect_err(url)
}

#[tokio::test]
async fn unreachable_server_is_reported_with_its_address() {
    assert_eq!(refusal("postgres://me:s3cret@127.0.0.1:1/book").await, "no server listens on 127.0.0.1:1");
    let message = refusal("postgres://me:s3cret@no.such.invalid/book").await;
    assert!(message.starts_with("host no.such.invalid cannot be resolved: "), "{message}");
}

#[tokio::test]
async fn rejected_connection_is_reported_with_its_remedy() {
    let Some((server, password)) = server() else { return };
    for user in ["secured:wrong", "secured", "nobody:wrong"] {
        let message = refusal(&format!("postgres://{user}@{server}/postgres?sslmode=disable")).await;
        let name = user.split(':').next().unwrap();
        if name == "secured" {
            assert_eq!(message, "the server rejects the password of user secured");
        } else {
            assert!(message.starts_with("the server rejects user nobody: "), "{message}");
        }
    }
    let message = refusal(&format!("postgres://secured:{password}@{server}/cinema")).await;
    assert_eq!(
        message,
        "database cinema does not exist on the server; create it with CREATE DATABASE \"cinema\""
    );
    open(&format!("postgres://secured:{password}@{server}/postgres")).await.unwrap();
}

#[tokio::test]
async fn unusable_file_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display();
    let user = std::fs::metadata(directory.path()).unwrap().uid();
    let message = refusal(&format!("sqlite://{path}/nowhere/book.db")).await;
    assert_eq!(message, format!("the directory {path}/nowhere does not exist: create it for user {user}"));
    std::fs::write(directory.path().join("notes.txt"), "a text that is not a database\n".repeat(20)).unwrap();
    assert_eq!(refusal(&format!("sqlite://{path}/notes.txt")).await, "the file is not an SQLite database");
    let message = refusal(&format!("sqlite://{path}/notes.txt/book.db")).await;
    assert!(message.contains(&format!("{path}/notes.txt is not a directory")), "{message}");
}

#[tokio::test]
async fn newer_schema_is_reported_with_its_migration() {
    let directory = tempfile::tempdir().unwrap();
    let url = test_kit::scratch::database_url("book", &directory).await;
    let db = Db::open(&url, Settings::default()).await.unwrap();
    let migrate = async |versions: &[i64]| {
        let one = |version: &i64| {
            let sql = sqlx::SqlStr::from_static("SELECT 1");
            sqlx::migrate::Migration::new(
                *version,
                "test".into(),
                sqlx::migrate::MigrationType::Simple,
                sql,
                false,
            )
        };
        let migrator = || sqlx::migrate::Migrator::with_migrations(versions.iter().map(one).collect());
        db.migrate(&[&Migrations { sqlite: migrator(), postgres: migrator() }]).await
    };
    migrate(&[1, 2]).await.unwrap();
    let error = migrate(&[1]).await.unwrap_err();
    let message = url.explain(&error);
    assert!(
        message.starts_with("the schema is newer than this program, which does not know migration 2"),
        "{message}"
    );
}

#[cfg(feature = "tls")]
mod tls {
    use super::*;

    fn env(variable: &str) -> String {
        std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is set by .ci/backends env"))
    }

    #[tokio::test]
    async fn certificate_of_a_given_authority_is_trusted() {
        let Some((server, password)) = server() else { return };
        let authorities = env("TEST_CA");
        let verified = format!("sslmode=verify-full&sslrootcert={authorities}");
        let db = open(&format!("postgres://secured:{password}@{server}/postgres?{verified}")).await.unwrap();
        let encrypted = storage::query_as::<(i64,)>(
            "SELECT CASE WHEN ssl THEN CAST(1 AS BIGINT) ELSE 0 END FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        );
        assert_eq!(db.read().await.unwrap().fetch_one(encrypted).await.unwrap(), (1,));
    }

    #[tokio::test]
    async fn certificate_of_an_unknown_authority_is_rejected() {
        let Some((server, password)) = server() else { return };
        let other = format!("&sslrootcert={}", env("TEST_OTHER_CA"));
        for authorities in ["", other.as_str()] {
            let url =
                format!("postgres://secured:{password}@{server}/postgres?sslmode=verify-full{authorities}");
            let message = refusal(&url).await;
            assert!(
                message.starts_with(&format!("TLS with {server} failed (sslmode, sslrootcert): ")),
                "{message}"
            );
        }
        let missing = "sslmode=verify-full&sslrootcert=/nowhere/ca.pem";
        let message = refusal(&format!("postgres://secured:{password}@{server}/postgres?{missing}")).await;
        assert!(message.contains("sslrootcert"), "{message}");
    }
}
