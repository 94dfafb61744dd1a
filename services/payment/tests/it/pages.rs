//! The list in pages.

use storage::query;
use test_kit::pages::{assert_all_is_counted, assert_reads_on, assert_refusals, follow, ids};

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
async fn total_is_exact_up_to_ten_thousand_and_deeper_pages_are_read_by_after() {
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
    let first = app.client.get("/payments?size=2").await;
    let next = first.body["_links"]["next"]["href"].as_str().unwrap();
    assert_eq!((ids(&first), next), (vec![1, 2], "http://cinema/payments?after=2&size=2"));
    let mut tx = app.scratch.db.begin().await.unwrap();
    tx.execute(query("DELETE FROM payments WHERE id = 1")).await.unwrap();
    tx.commit().await.unwrap();
    fill(&app, 6, 6).await;
    let second = follow(&app.client, &first, "next").await;
    let third = follow(&app.client, &second, "next").await;
    assert_eq!((ids(&second), ids(&third)), (vec![3, 4], vec![5, 6]));
    assert_eq!(third.body["_links"].get("next"), None);
    app.settled().await;
}
