//! The list in pages.

use storage::query;
use test_kit::pages::{assert_all_is_counted, assert_never_shifts, assert_reads_on, assert_refusals};

use crate::app::App;

/// Adds rows with the numbers from `first` to `last`.
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
