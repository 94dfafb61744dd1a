//! The provider with its own database.

use std::net::SocketAddr;

use processor::sandbox::Sandbox;
use processor::{AppState, MIGRATIONS, SERVICE, router};
use serde_json::{Value, json};
use storage::{Db, Settings};
use tempfile::TempDir;
use test_kit::{Answer, Client, scratch};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub struct App {
    pub db: Db,
    pub client: Client,
    _directory: TempDir,
}

impl App {
    /// A provider that decides every charge immediately.
    pub async fn new() -> Self {
        Self::with(Sandbox::default()).await
    }

    pub async fn with(sandbox: Sandbox) -> Self {
        Self::of(|db| AppState::new(db, sandbox)).await
    }

    pub async fn of(state: impl FnOnce(Db) -> AppState) -> Self {
        let directory = TempDir::new().unwrap();
        let url = scratch::database_url(SERVICE, &directory).await;
        let db = Db::open(&url, Settings::default()).await.unwrap();
        db.migrate(&[&MIGRATIONS]).await.unwrap();
        let client = Client(router(state(db.clone()), service::health::of(&db)));
        Self { db, client, _directory: directory }
    }

    /// Another process on the same database.
    pub fn another_process(&self, sandbox: Sandbox) -> Client {
        Client(router(AppState::new(self.db.clone(), sandbox), service::health::of(&self.db)))
    }

    pub async fn charge(&self, reference: &str, amount: i64) -> Answer {
        self.charge_with(reference, json!({"amount": amount, "currency": "KRW"})).await
    }

    pub async fn charge_token(&self, reference: &str, amount: i64, token: &str) -> Answer {
        self.charge_with(reference, json!({"amount": amount, "currency": "KRW", "paymentToken": token})).await
    }

    pub async fn charge_with(&self, reference: &str, body: Value) -> Answer {
        self.client.put(&path(reference), body).await
    }

    pub async fn cancel(&self, reference: &str) -> Answer {
        self.client.post(&format!("{}/cancel", path(reference)), json!({})).await
    }

    pub async fn show(&self, reference: &str) -> Answer {
        self.client.get(&path(reference)).await
    }

    /// `(kind, amount)` of every movement under the reference, oldest first.
    pub async fn movements(&self, reference: &str) -> Vec<(String, i64)> {
        let ledger = self.client.get("/v1/ledger?size=1000").await.body;
        let movements = ledger["movements"].as_array().unwrap().iter();
        let own = movements.filter(|movement| movement["reference"] == reference);
        own.map(|line| (line["kind"].as_str().unwrap().to_owned(), line["amount"].as_i64().unwrap()))
            .collect()
    }

    /// Serves it on a local socket until the guard is dropped.
    pub async fn listen(&self) -> (SocketAddr, DropGuard) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let settings = <settings::Settings as clap::Parser>::parse_from(["processor"]);
        let (router, health, stopped) = (self.client.0.clone(), service::health::of(&self.db), stop.clone());
        tokio::spawn(async move {
            http_server::serve(listener, router, health, &settings.server, stopped).await;
        });
        (address, stop.drop_guard())
    }
}

pub fn path(reference: &str) -> String {
    format!("/v1/payments/{reference}")
}

pub fn charged(amount: i64) -> (String, i64) {
    ("charge".to_owned(), amount)
}

pub fn refunded(amount: i64) -> (String, i64) {
    ("refund".to_owned(), amount)
}

mod settings {
    #[derive(clap::Parser)]
    pub struct Settings {
        #[command(flatten)]
        pub server: http_server::Server,
    }
}
