//! Why a database cannot be used, in the words an operator reads; and TLS, which the gate runs with `--features tls`.

use storage::{DatabaseUrl, Db, Migrations, Settings};

/// A server with users and passwords; `None` where there is none, which is no excuse in the gate.
fn server() -> Option<(String, String)> {
    let (Ok(address), Ok(password)) =
        (std::env::var("TEST_POSTGRES_SECURED"), std::env::var("TEST_PASSWORD"))
    else {
        assert!(std::env::var_os("MARQUEE_TEST_BACKENDS").is_none(), "see .ci/backends");
        println!("left out: there is no PostgreSQL that asks for a password (see .ci/backends)");
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
async fn a_server_that_is_not_there_is_told_with_its_address() {
    assert_eq!(refusal("postgres://me:s3cret@127.0.0.1:1/book").await, "no server listens on 127.0.0.1:1");
    let told = refusal("postgres://me:s3cret@no.such.invalid/book").await;
    assert!(told.starts_with("there is no host no.such.invalid: "), "{told}");
}

#[tokio::test]
async fn what_a_server_refuses_is_told_with_what_to_do() {
    let Some((server, password)) = server() else { return };
    for user in ["secured:wrong", "secured", "nobody:wrong"] {
        let told = refusal(&format!("postgres://{user}@{server}/postgres?sslmode=disable")).await;
        let name = user.split(':').next().unwrap();
        if name == "secured" {
            assert_eq!(told, "the server refuses the password of user secured");
        } else {
            assert!(told.starts_with("the server does not let user nobody in: "), "{told}");
        }
    }
    let told = refusal(&format!("postgres://secured:{password}@{server}/cinema")).await;
    assert_eq!(told, "there is no database cinema on the server; CREATE DATABASE \"cinema\" makes it");
    open(&format!("postgres://secured:{password}@{server}/postgres")).await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display();
    let told = refusal(&format!("sqlite://{path}/nowhere/book.db")).await;
    assert_eq!(told, "the file cannot be opened: are its directory there, and both writable?");
    std::fs::write(directory.path().join("notes.txt"), "no database, but a text of some length\n".repeat(20))
        .unwrap();
    assert_eq!(refusal(&format!("sqlite://{path}/notes.txt")).await, "the file is no SQLite database");
}

#[tokio::test]
async fn a_schema_that_is_newer_than_the_program_is_told_with_its_migration() {
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
    let told = url.explain(&error);
    assert!(
        told.starts_with("its schema is newer than this program, which does not know migration 2"),
        "{told}"
    );
}

#[cfg(feature = "tls")]
mod tls {
    use super::*;

    fn env(variable: &str) -> String {
        std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is told by .ci/backends env"))
    }

    #[tokio::test]
    async fn a_server_that_a_given_authority_vouches_for_is_spoken_to_over_tls() {
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
    async fn a_server_that_no_known_authority_vouches_for_is_not_spoken_to() {
        let Some((server, password)) = server() else { return };
        let other = format!("&sslrootcert={}", env("TEST_OTHER_CA"));
        for authorities in ["", other.as_str()] {
            let url =
                format!("postgres://secured:{password}@{server}/postgres?sslmode=verify-full{authorities}");
            let told = refusal(&url).await;
            assert!(told.starts_with(&format!("no TLS with {server} (sslmode, sslrootcert): ")), "{told}");
        }
        let missing = "sslmode=verify-full&sslrootcert=/nowhere/ca.pem";
        let told = refusal(&format!("postgres://secured:{password}@{server}/postgres?{missing}")).await;
        assert!(told.contains("sslrootcert"), "{told}");
    }
}
