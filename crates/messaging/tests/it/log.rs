//! An event log and a database of a test's own.

use std::sync::Arc;

use messaging::{MIGRATIONS, Record, Subscription, Transport, connect};
use storage::{Db, Migrations, Settings};
use tempfile::TempDir;

pub struct Files {
    directory: TempDir,
}

impl Files {
    pub fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    fn url(&self, name: &str) -> String {
        format!("sqlite://{}/{name}.db", self.directory.path().display())
    }

    /// Opened anew each time, as each process does.
    pub async fn transport(&self) -> Arc<dyn Transport> {
        connect(&self.url("events").parse().unwrap()).await.unwrap()
    }

    pub async fn db(&self, migrations: &Migrations) -> Db {
        let url = self.url("service").parse().unwrap();
        let db = Db::open(&url, Settings::default()).await.unwrap();
        db.migrate(&[&MIGRATIONS, migrations]).await.unwrap();
        db
    }
}

pub fn record(key: &str, payload: &str) -> Record {
    Record {
        key: Some(key.to_owned()),
        payload: Some(payload.as_bytes().to_vec()),
        headers: vec![("ce_id".to_owned(), format!("{key}/{payload}"))],
    }
}

pub fn records(numbers: std::ops::Range<usize>) -> Vec<Record> {
    numbers.map(|number| record(&(number % 7).to_string(), &number.to_string())).collect()
}

/// The next `count` payloads as numbers; each batch is committed if `commit`.
pub async fn read(subscription: &mut dyn Subscription, count: usize, commit: bool) -> Vec<usize> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let batch = subscription.receive((count - numbers.len()).min(500)).await.unwrap();
        for received in &batch {
            let payload = received.record.payload.as_deref().unwrap_or(b"0");
            numbers.push(std::str::from_utf8(payload).unwrap().parse().unwrap());
        }
        if commit {
            subscription.commit(batch.last().unwrap().position).await.unwrap();
        }
    }
    numbers
}
