//! The pages of the list of tickets.

use storage::query;
use test_kit::pages::{assert_all_is_counted, assert_reads_on, assert_refusals, follow, ids};

use crate::app::{App, booked};

/// Inserts tickets with the ids from `first` to `last`.
async fn fill(app: &App, first: i64, last: i64) {
    let mut tx = app.scratch.db.begin().await.unwrap();
    let insert = query(
        "WITH RECURSIVE numbers (number) AS
             (SELECT CAST($1 AS BIGINT) UNION ALL SELECT number + 1 FROM numbers WHERE number < $2)
         INSERT INTO tickets (booking_id, qty, customer_id, status, asks, issued, created_at, updated_at)
         SELECT number, 2, 33, 'Waiting', 0, 1, 0, 0 FROM numbers",
    );
    tx.execute(insert.bind(first).bind(last)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn total_is_exact_up_to_ten_thousand_and_deeper_pages_are_read_by_after() {
    let app = App::new().await;
    fill(&app, 1, 10_000).await;
    assert_all_is_counted(&app.client, "/tickets").await;
    fill(&app, 10_001, 10_001).await;
    assert_reads_on(&app.client, "/tickets").await;
    app.settled().await;
}

#[tokio::test]
async fn sort_is_not_supported() {
    let app = App::new().await;
    assert_refusals(&app.client, "/tickets").await;
    app.settled().await;
}

#[tokio::test]
async fn page_after_an_id_never_shifts() {
    let app = App::new().await;
    for id in [1, 3, 5, 7] {
        app.deliver(booked(id)).await;
    }
    let first = app.client.get("/tickets?size=2").await;
    let next = first.body["_links"]["next"]["href"].as_str().unwrap();
    assert_eq!((ids(&first), next), (vec![1, 3], "http://cinema/tickets?after=3&size=2"));
    app.deliver(booked(2)).await;
    let second = follow(&app.client, &first, "next").await;
    assert_eq!((ids(&second), second.body["_links"].get("next")), (vec![5, 7], None));
    app.settled().await;
}

#[tokio::test]
async fn list_of_one_customer_has_only_their_tickets_and_pages_by_after() {
    let app = App::new().await;
    fill(&app, 1, 3).await;
    let mut tx = app.scratch.db.begin().await.unwrap();
    tx.execute(query("UPDATE tickets SET customer_id = 7 WHERE booking_id = 2")).await.unwrap();
    tx.commit().await.unwrap();
    let first = app.client.get("/tickets?customerId=33&size=1").await;
    let next = first.body["_links"]["next"]["href"].as_str().unwrap();
    assert_eq!((ids(&first), next), (vec![1], "http://cinema/tickets?customerId=33&after=1&size=1"));
    let second = follow(&app.client, &first, "next").await;
    assert_eq!((ids(&second), second.body["_links"].get("next")), (vec![3], None));
    assert_eq!(second.body["page"]["totalElements"], 2);
    assert!(ids(&app.client.get("/tickets?customerId=8").await).is_empty());
    for query in
        ["customerId=abc", "customerId=0", "customerId=", "customerId=%2B33", "customerId=1&customerId=2"]
    {
        let answer = app.client.get(&format!("/tickets?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/customerId"]), "{query}");
    }
    let answer = app.client.get("/tickets?bookingId=2").await;
    assert_eq!((answer.problem(), answer.pointers()), ("not-supported", vec!["/bookingId"]));
    app.settled().await;
}
