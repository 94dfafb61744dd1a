//! Paged lists.

use serde_json::json;
use storage::query;
use test_kit::pages::{
    assert_all_is_counted, assert_never_shifts, assert_reads_on, assert_refusals, follow, ids,
};

use crate::app::{App, in_days, small_hall};

/// Adds bookings of the customer 33 with the numbers from `first` to `last`.
async fn fill(app: &App, first: i64, last: i64) {
    let mut tx = app.scratch.db.begin().await.unwrap();
    let insert = query(
        "WITH RECURSIVE numbers (number) AS
             (SELECT CAST($1 AS BIGINT) UNION ALL SELECT number + 1 FROM numbers WHERE number < $2)
         INSERT INTO bookings (qty, name, customer_id, status, paid, created_at, updated_at, movie_key)
         SELECT 1, 'CGV', 33, 'PaidComplete', 1, 0, 0, '' FROM numbers",
    );
    tx.execute(insert.bind(first).bind(last)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn total_is_exact_up_to_ten_thousand_and_later_pages_need_after() {
    let app = App::new().await;
    fill(&app, 1, 10_000).await;
    for path in ["/books", "/books?customerId=33"] {
        assert_all_is_counted(&app.client, path).await;
    }
    fill(&app, 10_001, 10_001).await;
    for path in ["/books", "/books?customerId=33"] {
        assert_reads_on(&app.client, path).await;
    }
    app.settled().await;
}

#[tokio::test]
async fn sort_is_not_supported() {
    let app = App::new().await;
    for path in ["/books", "/books?customerId=33"] {
        assert_refusals(&app.client, path).await;
    }
    app.settled().await;
}

#[tokio::test]
async fn page_after_an_id_never_shifts() {
    let app = App::new().await;
    fill(&app, 1, 5).await;
    let meanwhile = async || {
        let mut tx = app.scratch.db.begin().await.unwrap();
        tx.execute(query("DELETE FROM bookings WHERE id = 1")).await.unwrap();
        tx.commit().await.unwrap();
        fill(&app, 6, 6).await;
    };
    assert_never_shifts(&app.client, "/books", meanwhile).await;
    app.settled().await;
}

#[tokio::test]
async fn program_read_by_after_never_shifts() {
    let app = App::new().await;
    let announce = async |theatre: &str, day: i64| {
        let mut screening = small_hall();
        screening["theatre"] = json!(theatre);
        screening["startsAt"] = json!(in_days(day, "19:30"));
        app.announce(screening).await
    };
    // In the order of their start: 2, then 3 and 4 together, then 1.
    for (theatre, day) in [("Hall 1", 6), ("Hall 1", 1), ("Hall 1", 4), ("Hall 2", 4)] {
        announce(theatre, day).await;
    }
    for filter in ["", "movieName=soul&"] {
        let first = app.client.get(&format!("/screenings?{filter}size=2")).await;
        let next = first.body["_links"]["next"]["href"].as_str().unwrap();
        let expected = format!("http://cinema/screenings?{filter}after=3&size=2");
        assert_eq!((ids(&first), next), (vec![2, 3], expected.as_str()));
        let earlier = announce("Hall 3", 2).await;
        let second = follow(&app.client, &first, "next").await;
        assert_eq!((ids(&second), second.body["_links"].get("next")), (vec![4, 1], None), "{filter}");
        let mut tx = app.scratch.db.begin().await.unwrap();
        tx.execute(query("DELETE FROM screenings WHERE id = $1").bind(earlier)).await.unwrap();
        tx.commit().await.unwrap();
    }
    let nowhere = app.client.get("/screenings?after=99").await;
    assert_eq!((nowhere.status.as_u16(), nowhere.pointers()), (422, vec!["/after"]));
    assert_refusals(&app.client, "/screenings").await;
    app.settled().await;
}
