//! Pages of the list of payments.

use storage::query;
use test_kit::pages::{assert_all_is_counted, assert_never_shifts, assert_reads_on, assert_refusals};

use crate::app::App;

/// Adds payments with the numbers from `first` to `last`.
async fn fill(app: &App, first: i64, last: i64) {
    let mut tx = app.scratch.db.begin().await.unwrap();
    let insert = query(
        "WITH RECURSIVE numbers (number) AS
             (SELECT CAST($1 AS BIGINT) UNION ALL SELECT number + 1 FROM numbers WHERE number < $2)
         INSERT INTO payments (booking_id, total_price, status, created_at, updated_at)
         SELECT number, 10000, 'Paid', 0, 0 FROM numbers",
    );
    tx.execute(insert.bind(first).bind(last)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn total_is_exact_up_to_ten_thousand_and_later_pages_need_after() {
    let app = App::new().await;
    fill(&app, 1, 10_000).await;
    assert_all_is_counted(&app.client, "/payments").await;
    fill(&app, 10_001, 10_001).await;
    assert_reads_on(&app.client, "/payments").await;
    app.settled().await;
}

#[tokio::test]
async fn sort_is_not_supported() {
    let app = App::new().await;
    assert_refusals(&app.client, "/payments").await;
    app.settled().await;
}

#[tokio::test]
async fn page_after_an_id_never_shifts() {
    let app = App::new().await;
    fill(&app, 1, 5).await;
    let meanwhile = async || {
        let mut tx = app.scratch.db.begin().await.unwrap();
        tx.execute(query("DELETE FROM payments WHERE id = 1")).await.unwrap();
        tx.commit().await.unwrap();
        fill(&app, 6, 6).await;
    };
    assert_never_shifts(&app.client, "/payments", meanwhile).await;
    app.settled().await;
}

#[tokio::test]
async fn unsupported_and_repeated_filters_are_422() {
    let app = App::new().await;
    for name in ["bookingId", "customerId"] {
        let answer = app.client.get(&format!("/payments?{name}=7")).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "not-supported"), "{name}");
        assert_eq!(answer.pointers(), [format!("/{name}")]);
    }
    let twice = app.client.get("/payments/search/findByBookingId?bookingId=1&bookingId=2").await;
    assert_eq!((twice.status.as_u16(), twice.pointers()), (422, vec!["/bookingId"]));
    app.settled().await;
}
