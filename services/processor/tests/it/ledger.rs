//! The ledger: all movements of money, in order.

use std::sync::Arc;

use serde_json::Value;
use storage::query;
use tokio::task::JoinSet;

use crate::app::App;

fn seqs(ledger: &Value) -> Vec<i64> {
    ledger["movements"].as_array().unwrap().iter().map(|line| line["seq"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn ledger_is_read_in_pages() {
    let app = App::new().await;
    for number in 0..5 {
        app.charge(&format!("a{number}"), number).await;
    }
    app.cancel("a0").await;
    let first = app.client.get("/v1/ledger?size=4").await.body;
    assert_eq!(seqs(&first).len(), 4);
    let last = *seqs(&first).last().unwrap();
    let second = app.client.get(&format!("/v1/ledger?after={last}&size=4")).await.body;
    assert_eq!(seqs(&second).len(), 2);
    assert_eq!(second["movements"][1]["kind"], "refund");
    assert_eq!(second["highestSeq"], second["movements"][1]["seq"]);
    let end = second["highestSeq"].as_i64().unwrap();
    let beyond = app.client.get(&format!("/v1/ledger?after={end}")).await.body;
    assert_eq!((seqs(&beyond), &beyond["highestSeq"]), (Vec::new(), &end.into()));
}

#[tokio::test]
async fn highest_number_of_an_empty_ledger_is_0() {
    let app = App::new().await;
    let ledger = app.client.get("/v1/ledger").await.body;
    assert_eq!((seqs(&ledger), &ledger["highestSeq"]), (Vec::new(), &0.into()));
}

#[tokio::test]
async fn invalid_page_is_422() {
    let app = App::new().await;
    for (query, pointer) in [
        ("after=-1", "/after"),
        ("after=x", "/after"),
        ("size=0", "/size"),
        ("size=1001", "/size"),
        ("size=", "/size"),
    ] {
        let answer = app.client.get(&format!("/v1/ledger?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec![pointer]), "{query}");
    }
}

#[tokio::test]
async fn reader_that_continues_after_its_last_number_misses_no_movement() {
    let app = Arc::new(App::new().await);
    let mut charges = JoinSet::new();
    for number in 0..60 {
        let app = app.clone();
        charges.spawn(async move { app.charge(&format!("a{number}"), 1).await.status });
    }
    let mut read = Vec::new();
    let mut running = true;
    while running {
        running = charges.join_next().await.is_some();
        let after = read.last().copied().unwrap_or_default();
        let page = app.client.get(&format!("/v1/ledger?after={after}&size=1000")).await.body;
        read.extend(seqs(&page));
    }
    assert_eq!(read.len(), 60);
}

#[tokio::test]
async fn database_rejects_a_second_charge_under_a_reference() {
    let app = App::new().await;
    app.charge("a", 700).await;
    let mut tx = app.db.begin().await.unwrap();
    let second = query(
        "INSERT INTO ledger (reference, kind, amount, currency, created_at)
         VALUES ('a', 'charge', 700, 'KRW', 0)",
    );
    let error = tx.execute(second).await.unwrap_err();
    assert!(matches!(error, storage::Error::Statement(_)), "{error:?}");
}
