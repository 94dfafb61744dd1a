//! Makes databases reject statements for a while, as an operator might do by mistake.
//!
//! On a server, a database becomes read-only, its user loses the right to write, or a table is renamed. On
//! files, a table is renamed, or this process holds the write lock longer than a statement waits for it. File
//! permissions are not used, because they do not stop root, which runs the fleet in a container.

use std::time::Duration;

use marquee::fleet::Process;
use storage::{Db, Settings, Tx, query_built};
use tokio::time::{Instant, sleep};

use crate::Outcome;

/// The services' user on a server. It is not a superuser, so that it can lose a right, and it owns the
/// databases.
pub const ROLE: &str = "fleet";
/// Maximum wait for a database that is busy or restarts.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_millis(100);

/// How a database rejects statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// New sessions cannot write; existing sessions are closed.
    ReadOnly,
    /// No row can be inserted or updated.
    Revoked,
    /// A table is renamed.
    TableAway,
    /// Another connection holds the write lock.
    Locked,
}

impl Refusal {
    pub fn all(on_servers: bool) -> &'static [Self] {
        if on_servers {
            &[Self::ReadOnly, Self::Revoked, Self::TableAway]
        } else {
            &[Self::TableAway, Self::Locked]
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Revoked => "without grants",
            Self::TableAway => "without a table",
            Self::Locked => "locked",
        }
    }
}

/// A database that rejects statements until [`end`](Self::end).
#[derive(Debug)]
pub struct Refusing {
    place: Place,
    refusal: Refusal,
    /// The transaction that holds the lock.
    lock: Option<Tx>,
}

/// The database of one process.
#[derive(Clone, Debug)]
struct Place {
    /// The URL, for a superuser if it is on a server.
    url: String,
    /// A table without which the process cannot work.
    table: &'static str,
}

/// Creates the services' user on a new server.
pub async fn create_role(server: &str) -> Outcome {
    run(server, &[format!("CREATE ROLE {ROLE} LOGIN CREATEDB")]).await
}

/// Makes the database of `process` at `url` reject statements.
pub async fn refuse(process: Process, url: String, refusal: Refusal) -> Outcome<Refusing> {
    let table = match process {
        Process::Processor => "ledger",
        Process::Mypage => "inbox",
        _ => "outbox",
    };
    let place = Place { url, table };
    let lock = match refusal {
        Refusal::ReadOnly => {
            place.set_read_only("SET default_transaction_read_only = on").await?;
            place.end_sessions().await?;
            None
        }
        Refusal::Revoked => {
            place.run("REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA public FROM", ROLE).await?;
            None
        }
        Refusal::TableAway => {
            place.run("ALTER TABLE", &format!("{table} RENAME TO {table}_away")).await?;
            None
        }
        Refusal::Locked => Some(retrying(async || Ok(open(&place.url).await?.begin().await?)).await?),
    };
    Ok(Refusing { place, refusal, lock })
}

impl Refusing {
    /// Restores the database. Does not close sessions that began meanwhile, because the services must do
    /// that.
    pub async fn end(self) -> Outcome {
        let Self { place, refusal, lock } = self;
        match refusal {
            Refusal::ReadOnly => place.set_read_only("RESET default_transaction_read_only").await,
            Refusal::Revoked => {
                place.run("GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO", ROLE).await
            }
            Refusal::TableAway => {
                let table = place.table;
                place.run("ALTER TABLE", &format!("{table}_away RENAME TO {table}")).await
            }
            Refusal::Locked => {
                drop(lock);
                Ok(())
            }
        }
    }
}

impl Place {
    async fn run(&self, statement: &str, object: &str) -> Outcome {
        run(&self.url, &[format!("{statement} {object}")]).await
    }

    /// Changes the setting over a session with another database, which can write.
    async fn set_read_only(&self, setting: &str) -> Outcome {
        let (server, name) = self.url.rsplit_once('/').ok_or("no database in the URL")?;
        run(&format!("{server}/postgres"), &[format!("ALTER DATABASE {name} {setting}")]).await
    }

    async fn end_sessions(&self) -> Outcome {
        let (server, name) = self.url.rsplit_once('/').ok_or("no database in the URL")?;
        let end = format!(
            "SELECT CAST(pg_terminate_backend(pid) AS TEXT) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        run(&format!("{server}/postgres"), &[end]).await
    }
}

/// Runs `statements` in one transaction.
async fn run(url: &str, statements: &[String]) -> Outcome {
    retrying(async || {
        let mut tx = open(url).await?.begin().await?;
        for statement in statements {
            tx.execute(query_built(statement.clone())).await?;
        }
        Ok(tx.commit().await?)
    })
    .await
}

async fn open(url: &str) -> Outcome<Db> {
    Ok(Db::open(&url.parse()?, Settings::default()).await?)
}

/// Repeats `work` until it succeeds, because the database may be busy, or restart after it was killed.
async fn retrying<T>(work: impl AsyncFn() -> Outcome<T>) -> Outcome<T> {
    let began = Instant::now();
    loop {
        match work().await {
            Err(_) if began.elapsed() < PATIENCE => sleep(RETRY).await,
            done => return done,
        }
    }
}
