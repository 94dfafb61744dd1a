//! No id is assigned again, and ids that were never assigned are ignored.

use std::fs;

use marquee::fleet::Process;
use reqwest::Method;
use serde_json::json;
use storage::query_as;

use super::{backed_up, restore};
use crate::audit::passes;
use crate::backup::{book, stop};
use crate::fleet::Fleet;

#[tokio::test(flavor = "multi_thread")]
async fn damaged_database_is_replaced_and_its_ids_are_not_given_out_again() {
    let (mut fleet, to, _) = backed_up().await;
    let lost = book(&fleet).await;
    passes(&fleet).await;
    stop(&mut fleet).await;
    let before = [
        last(&fleet, Process::Book, "bookings").await,
        last(&fleet, Process::Book, "screenings").await,
        last(&fleet, Process::Payment, "payments").await,
        last(&fleet, Process::Point, "points").await,
    ];
    let points = last(&fleet, Process::Ticket, "outbox").await;
    fs::write(fleet.data_dir.join("book.db"), "no database at all").unwrap();
    fs::remove_file(fleet.data_dir.join("payment.db")).unwrap();
    fs::remove_file(fleet.data_dir.join("point.db")).unwrap();
    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("not read      book.db"), "{output}");
    let after = [
        last(&fleet, Process::Book, "bookings").await,
        last(&fleet, Process::Book, "screenings").await,
        last(&fleet, Process::Payment, "payments").await,
        last(&fleet, Process::Point, "points").await,
    ];
    for (before, after) in before.into_iter().zip(after) {
        assert!(after >= before + 9_000, "{after} after {before}");
    }
    // The ids of the other services are known.
    assert!(last(&fleet, Process::Ticket, "outbox").await < points + 1_000);
    fleet.up_again().await;
    assert!(book(&fleet).await > lost + 1_000, "unpaid bookings have left no trace");
    passes(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn id_that_book_never_gave_out_is_ignored() {
    let (mut fleet, to, _) = backed_up().await;
    let lost = book(&fleet).await;
    passes(&fleet).await;
    let highest = lost + 500_000;
    for stray in [i64::MAX, 1 << 53, lost + 2_000_000, highest] {
        let payment = json!({ "bookingId": stray, "totalPrice": 1 });
        let service = fleet.service(Process::Payment);
        let answer = service.send(Method::POST, "/payments", Some(&payment)).await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    stop(&mut fleet).await;
    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 0, "{output}");
    for place in ["payment", "processor"] {
        let line = format!("booking id {} and 2 more in {place}: book never assigned them", i64::MAX);
        assert!(output.contains(&line), "{output}");
    }
    assert!(output.contains(&format!("refunded      booking {}: 1 KRW", i64::MAX)), "{output}");
    fleet.up_again().await;
    // A trace within the limit may be the only one of a booking.
    assert_eq!(book(&fleet).await, highest + 1);
    passes(&fleet).await;
}

/// The highest id that `table` has assigned.
async fn last(fleet: &Fleet, process: Process, table: &'static str) -> i64 {
    let db = fleet.db(process).await;
    let find = query_as::<(i64,)>("SELECT CAST(seq AS BIGINT) FROM sqlite_sequence WHERE name = $1");
    let found = db.read().await.unwrap().fetch_optional(find.bind(table)).await.unwrap();
    db.close().await;
    found.map_or(0, |(last,)| last)
}
