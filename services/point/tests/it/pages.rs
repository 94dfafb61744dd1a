//! The pages of the ledger.

use storage::query;
use test_kit::pages::{
    assert_all_is_counted, assert_never_shifts, assert_reads_on, assert_refusals, follow, ids,
};

use crate::app::App;

/// Inserts rows of the bookings from `first` to `last`.
async fn fill(app: &App, first: i64, last: i64) {
    let mut tx = app.scratch.db.begin().await.unwrap();
    let insert = query(
        "WITH RECURSIVE numbers (number) AS
             (SELECT CAST($1 AS BIGINT) UNION ALL SELECT number + 1 FROM numbers WHERE number < $2)
         INSERT INTO points (booking_id, customer_id, score, status, created_at)
         SELECT number, 33, 0, 'Waiting Point', 0 FROM numbers",
    );
    tx.execute(insert.bind(first).bind(last)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn total_is_exact_up_to_ten_thousand_and_deeper_pages_are_read_by_after() {
    let app = App::new().await;
    fill(&app, 1, 10_000).await;
    assert_all_is_counted(&app.client, "/points").await;
    fill(&app, 10_001, 10_001).await;
    assert_reads_on(&app.client, "/points").await;
    app.settled().await;
}

#[tokio::test]
async fn sort_is_not_supported() {
    let app = App::new().await;
    assert_refusals(&app.client, "/points").await;
    app.settled().await;
}

#[tokio::test]
async fn page_after_an_id_never_shifts() {
    let app = App::new().await;
    fill(&app, 1, 5).await;
    let meanwhile = async || {
        let mut tx = app.scratch.db.begin().await.unwrap();
        tx.execute(query("DELETE FROM points WHERE id = 1")).await.unwrap();
        tx.commit().await.unwrap();
        fill(&app, 6, 6).await;
    };
    assert_never_shifts(&app.client, "/points", meanwhile).await;
    app.settled().await;
}

#[tokio::test]
async fn list_of_one_customer_has_only_their_rows_and_pages_by_after() {
    let app = App::new().await;
    fill(&app, 1, 3).await;
    let mut tx = app.scratch.db.begin().await.unwrap();
    tx.execute(query("UPDATE points SET customer_id = 7 WHERE booking_id = 2")).await.unwrap();
    tx.commit().await.unwrap();
    let first = app.client.get("/points?customerId=33&size=1").await;
    let next = first.body["_links"]["next"]["href"].as_str().unwrap();
    assert_eq!((ids(&first), next), (vec![1], "http://cinema/points?customerId=33&after=1&size=1"));
    let second = follow(&app.client, &first, "next").await;
    assert_eq!((ids(&second), second.body["_links"].get("next")), (vec![3], None));
    assert_eq!(second.body["page"]["totalElements"], 2);
    assert!(ids(&app.client.get("/points?customerId=8").await).is_empty());
    for query in
        ["customerId=abc", "customerId=0", "customerId=", "customerId=%2B33", "customerId=1&customerId=2"]
    {
        let answer = app.client.get(&format!("/points?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/customerId"]), "{query}");
    }
    let answer = app.client.get("/points?bookingId=2").await;
    assert_eq!((answer.problem(), answer.pointers()), ("not-supported", vec!["/bookingId"]));
    app.settled().await;
}
