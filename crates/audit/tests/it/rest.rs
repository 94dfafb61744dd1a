//! The audit by REST of lists that are longer than a page, with rows in any order that the services allow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audit::rest::Rest;
use audit::{Kind, Report, Terms};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Number of bookings, which fill more than two pages.
const BOOKINGS: i64 = 250;

/// The lists of the services, by plural.
struct Lists {
    rows: HashMap<&'static str, Vec<Value>>,
    /// The largest requested page.
    largest: Mutex<i64>,
}

type Parameters = Query<HashMap<String, String>>;

async fn list(
    State(lists): State<Arc<Lists>>,
    Path(plural): Path<String>,
    Query(query): Parameters,
) -> Json<Value> {
    let number = |name: &str| query[name].parse::<i64>().unwrap();
    let (after, size) = (number("after"), number("size"));
    let mut largest = lists.largest.lock().unwrap();
    *largest = size.max(*largest);
    let rows = lists.rows[plural.as_str()].iter().filter(|row| row["id"].as_i64().unwrap() > after);
    let page: Vec<&Value> = rows.take(size as usize).collect();
    Json(json!({"_embedded": {plural: page}}))
}

async fn find(
    State(lists): State<Arc<Lists>>,
    Path(plural): Path<String>,
    Query(query): Parameters,
) -> Json<Value> {
    let booking: Value = query["bookingId"].parse::<i64>().unwrap().into();
    let rows: Vec<&Value> =
        lists.rows[plural.as_str()].iter().filter(|row| row["bookingId"] == booking).collect();
    Json(json!({"_embedded": {plural: rows}}))
}

async fn book(State(lists): State<Arc<Lists>>, Path(id): Path<i64>) -> Result<Json<Value>, StatusCode> {
    let found = lists.rows["books"].iter().find(|row| row["id"] == id);
    found.cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

/// Collected bookings, with payments and points in the opposite order.
fn right() -> HashMap<&'static str, Vec<Value>> {
    let of = |row: fn(i64) -> Value| (1..=BOOKINGS).map(row).collect::<Vec<_>>();
    let books = of(|id| {
        json!({
            "id": id, "movieName": "soul", "seat": format!("{id}A"), "qty": 1, "totalPrice": 700, "name": "CGV",
            "customerId": 33, "status": "PrintComplete",
        })
    });
    let tickets = of(|id| json!({"id": id, "bookingId": id, "status": "Printed"}));
    let mypages = of(|id| {
        json!({
            "id": id, "bookingId": id, "movieName": "soul", "seat": format!("{id}A"), "qty": 1, "price": 700,
            "customerId": 33, "status": "Printed", "score": 100, "ticketId": id,
        })
    });
    let payments =
        of(|id| json!({"id": id, "bookingId": BOOKINGS + 1 - id, "totalPrice": 700, "status": "Paid"}));
    let points = (1..=2 * BOOKINGS).map(|id| {
        let (booking, score) = (BOOKINGS - (id - 1) / 2, id % 2 * 100);
        json!({"id": id, "bookingId": booking, "score": score, "status": if score == 0 { "Waiting Point" } else { "Pointed" }})
    });
    HashMap::from([
        ("books", books),
        ("payments", payments),
        ("tickets", tickets),
        ("points", points.collect()),
        ("mypages", mypages),
    ])
}

/// Audits the first `limit` bookings, and checks that no page is larger than the services allow.
async fn audited(rows: HashMap<&'static str, Vec<Value>>, limit: u64) -> Report {
    let lists = Arc::new(Lists { rows, largest: Mutex::default() });
    let routes = Router::new()
        .route("/{plural}", get(list))
        .route("/{plural}/search/findByBookingId", get(find))
        .route("/books/{id}", get(book))
        .with_state(lists.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let rest = Rest::new(std::array::from_fn(|_| url.clone()));
    let report = rest.audit(Terms { settle: Duration::ZERO, shown: 3 }, limit).await.unwrap();
    assert!(*lists.largest.lock().unwrap() <= 100);
    server.abort();
    report
}

fn counts(report: &Report) -> Vec<(Kind, u64)> {
    report.violations.iter().map(|(kind, count)| (*kind, *count)).collect()
}

#[tokio::test]
async fn all_bookings_are_read_in_pages_whatever_the_order_of_payments_and_points() {
    let report = audited(right(), 1_000_000).await;
    assert_eq!((report.bookings, counts(&report), report.in_flight), (BOOKINGS as u64, vec![], 0));
    assert!(!report.not_seen.iter().any(|line| line.starts_with("bookings after")), "{:?}", report.not_seen);
    for limit in [1, 100, 101, 249] {
        let report = audited(right(), limit).await;
        assert_eq!((report.bookings, counts(&report)), (limit, vec![]));
        assert_eq!(report.not_seen.last().unwrap(), &format!("bookings after the first {limit}"));
    }
}

#[tokio::test]
async fn all_violations_are_counted_and_the_first_are_shown() {
    let mut rows = right();
    // Each page lacks a ticket, and two payments have no booking.
    let is_planted = |row: &Value| [1, 100, 101, 200, 250].contains(&row["bookingId"].as_i64().unwrap());
    rows.get_mut("tickets").unwrap().retain(|row| !is_planted(row));
    let payments = rows.get_mut("payments").unwrap();
    for booking in [251, 9_999] {
        payments.push(json!({"id": booking, "bookingId": booking, "totalPrice": 700, "status": "Paid"}));
    }
    let report = audited(rows, 1_000_000).await;
    assert_eq!(report.bookings, BOOKINGS as u64 + 2);
    let found = counts(&report);
    assert!(found.contains(&(Kind::TicketMissing, 5)), "{found:?}");
    assert!(found.contains(&(Kind::PaymentOrphaned, 2)), "{found:?}");
    assert_eq!(report.findings.len(), 3);
    assert_eq!(report.findings[0].story.booking_id, 1);
    assert_eq!(report.findings[0].story.points[0].status, "Pointed", "the story is complete");
}

#[tokio::test]
async fn refunds_under_way_are_reported_and_no_violations() {
    let mut rows = right();
    for row in &mut rows.get_mut("books").unwrap()[..4] {
        row["status"] = "Canceling".into();
    }
    for plural in ["tickets", "points", "mypages"] {
        rows.get_mut(plural).unwrap().retain(|row| row["bookingId"].as_i64().unwrap() > 4);
    }
    for id in 1..=4 {
        let mypage = json!({
            "id": id, "bookingId": id, "movieName": "soul", "seat": format!("{id}A"), "qty": 1, "price": 700,
            "customerId": 33, "status": "Booked", "score": 0, "ticketId": null,
        });
        rows.get_mut("mypages").unwrap().insert(id as usize - 1, mypage);
    }
    for row in rows.get_mut("payments").unwrap() {
        if row["bookingId"].as_i64().unwrap() <= 4 {
            row["status"] = "Canceling".into();
        }
    }
    let report = audited(rows, 1_000_000).await;
    assert_eq!((counts(&report), report.refunds_under_way, report.under_way.len()), (vec![], 4, 3));
    assert_eq!(
        report.under_way[0].detail,
        "refund under way: the payment of 700 is Canceling, and the booking is Canceling"
    );
}
