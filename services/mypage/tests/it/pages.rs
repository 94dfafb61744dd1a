//! The pages of the lists.

use storage::query;
use test_kit::pages::{assert_all_is_counted, assert_reads_on, assert_refusals, follow, ids};

use crate::app::{App, booked};

/// Inserts bookings of customer 33 with the ids from `first` to `last`.
async fn fill(app: &App, first: i64, last: i64) {
    let mut tx = app.scratch.db.begin().await.unwrap();
    let insert = query(
        "WITH RECURSIVE numbers (number) AS
             (SELECT CAST($1 AS BIGINT) UNION ALL SELECT number + 1 FROM numbers WHERE number < $2)
         INSERT INTO mypages (booking_id, booked, shown, customer_id, status, updated_at)
         SELECT number, 1, 1, 33, 'Booked', 0 FROM numbers",
    );
    tx.execute(insert.bind(first).bind(last)).await.unwrap();
    let insert = query(
        "WITH RECURSIVE numbers (number) AS
             (SELECT CAST($1 AS BIGINT) UNION ALL SELECT number + 1 FROM numbers WHERE number < $2)
         INSERT INTO timeline (booking_id, event, happened_at)
         SELECT number, 'Booked', 0 FROM numbers",
    );
    tx.execute(insert.bind(first).bind(last)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn total_is_exact_up_to_ten_thousand_and_deeper_pages_are_read_by_after() {
    let app = App::new().await;
    fill(&app, 1, 10_000).await;
    for path in ["/mypages", "/mypages?customerId=33"] {
        assert_all_is_counted(&app.client, path).await;
    }
    fill(&app, 10_001, 10_001).await;
    for path in ["/mypages", "/mypages?customerId=33"] {
        assert_reads_on(&app.client, path).await;
    }
    app.settled().await;
}

#[tokio::test]
async fn sort_is_not_supported() {
    let app = App::new().await;
    for path in ["/mypages", "/mypages?customerId=33"] {
        assert_refusals(&app.client, path).await;
    }
    app.settled().await;
}

#[tokio::test]
async fn page_after_an_id_never_shifts() {
    let app = App::new().await;
    for id in [1, 3, 5, 7] {
        app.deliver(booked(id)).await;
    }
    let first = app.client.get("/mypages?size=2").await;
    let next = first.body["_links"]["next"]["href"].as_str().unwrap();
    assert_eq!((ids(&first), next), (vec![1, 3], "http://cinema/mypages?after=3&size=2"));
    app.deliver(booked(2)).await;
    let second = follow(&app.client, &first, "next").await;
    assert_eq!((ids(&second), second.body["_links"].get("next")), (vec![5, 7], None));
    app.settled().await;
}

#[tokio::test]
async fn unsupported_filter_is_refused() {
    let app = App::new().await;
    for name in ["bookingId"] {
        let answer = app.client.get(&format!("/mypages?{name}=7")).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "not-supported"), "{name}");
        assert_eq!(answer.pointers(), [format!("/{name}")]);
    }
    let twice = app.client.get("/mypages/search/findByBookingId?bookingId=1&bookingId=2").await;
    assert_eq!((twice.status.as_u16(), twice.pointers()), (422, vec!["/bookingId"]));
    app.settled().await;
}
