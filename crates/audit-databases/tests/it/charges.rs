//! Violations between the provider's ledger and the services, and their repair.

use std::time::Duration;

use audit::Kind;
use storage::{Backend, query};

use crate::databases::{Fleet, Of, hour_ago};

const MINUTE: Duration = Duration::from_secs(60);

/// Two hours ago: old enough for a repair to cancel a charge.
fn long_ago() -> i64 {
    2 * hour_ago() - jiff::Timestamp::now().as_microsecond()
}

/// Adds a charge that no service knows.
async fn charge(fleet: &Fleet, reference: &str, at: i64) {
    let mut tx = fleet.db(Of::Processor).begin().await.unwrap();
    for sql in [
        "INSERT INTO payments (reference, status, amount, currency, charged_at, created_at, updated_at)
         VALUES ($1, 'succeeded', 700, 'KRW', $2, $2, $2)",
        "INSERT INTO ledger (reference, kind, amount, currency, created_at) VALUES ($1, 'charge', 700, 'KRW', $2)",
    ] {
        tx.execute(query(sql).bind(reference.to_owned()).bind(at)).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Ends booking 1 and deletes its records, so that only the provider has a charge.
async fn forget_booking(fleet: &Fleet) {
    fleet.execute(Of::Book, "UPDATE bookings SET status = 'Expired' WHERE id = 1").await;
    fleet.execute(Of::Book, "DELETE FROM seat_claims WHERE booking_id = 1").await;
    fleet.execute(Of::Payment, "DELETE FROM payments WHERE booking_id = 1").await;
    fleet.execute(Of::Ticket, "DELETE FROM tickets WHERE booking_id = 1").await;
    fleet.execute(Of::Point, "DELETE FROM points WHERE booking_id = 1").await;
    fleet.execute(Of::Mypage, "DELETE FROM mypages WHERE booking_id = 1").await;
}

async fn balance(fleet: &Fleet, reference: &str) -> i64 {
    let sum = storage::query_as::<(i64,)>(
        "SELECT CAST(COALESCE(SUM(CASE WHEN kind = 'charge' THEN amount ELSE -amount END), 0) AS BIGINT)
         FROM ledger WHERE reference = $1",
    )
    .bind(reference.to_owned());
    fleet.db(Of::Processor).read().await.unwrap().fetch_one(sum).await.unwrap().0
}

#[tokio::test]
async fn orphaned_charge_is_canceled_once_it_is_old() {
    let fleet = Fleet::new().await;
    forget_booking(&fleet).await;
    assert_eq!(fleet.kinds().await, [Kind::ChargeOrphaned]);

    // The charge is a little younger than an hour.
    fleet
        .execute(
            Of::Processor,
            "UPDATE ledger SET created_at = created_at + 60000000 WHERE reference = 'k3x9-booking-1'",
        )
        .await;
    let outcome = fleet.repair_at_most(20).await;
    assert_eq!((outcome.repaired.len(), outcome.left_alone.len()), (0, 1), "{outcome:?}");
    assert_eq!(balance(&fleet, "k3x9-booking-1").await, 10_000);

    fleet.clock.advance(2 * MINUTE);
    let repaired = fleet.repair().await;
    assert_eq!(repaired.len(), 1, "{repaired:?}");
    assert_eq!((repaired[0].booking_id, repaired[0].kind), (1, Kind::ChargeOrphaned));
    assert_eq!(balance(&fleet, "k3x9-booking-1").await, 0);
    assert_eq!(balance(&fleet, "k3x9-booking-2").await, 10_000);
    assert_eq!(fleet.kinds().await, []);
    // No service got a row or an event.
    assert_eq!(fleet.published().await, [""; 0]);
}

#[tokio::test]
async fn charge_that_no_service_knows_is_found_once() {
    let fleet = Fleet::new().await;
    charge(&fleet, "k3x9-booking-77", long_ago()).await;
    let report = fleet.audit().await;
    assert_eq!(report.violations.into_iter().collect::<Vec<_>>(), [(Kind::ChargeOrphaned, 1)]);
    assert_eq!((report.bookings, report.findings[0].story.booking_id), (3, 77));
    let ledger = report.ledger.unwrap();
    assert_eq!((ledger.movements, ledger.of_others, ledger.highest_booking), (3, 0, 77));
}

#[tokio::test]
async fn no_charge_is_canceled_while_the_ledger_is_ahead_of_book() {
    let fleet = Fleet::new().await;
    forget_booking(&fleet).await;
    fleet.clock.advance(MINUTE);
    // Book was restored from a backup that is older than booking 77.
    charge(&fleet, "k3x9-booking-77", long_ago()).await;
    let outcome = fleet.repair_at_most(20).await;
    assert_eq!((outcome.repaired.len(), outcome.left_alone.len()), (0, 2), "{outcome:?}");
    assert_eq!(balance(&fleet, "k3x9-booking-1").await, 10_000);
    assert_eq!(balance(&fleet, "k3x9-booking-77").await, 700);
}

/// Raises the next id above those in the ledger, as a restore does.
async fn raise_ids(fleet: &Fleet) {
    let raise = match fleet.db(Of::Book).backend() {
        Backend::Sqlite => "UPDATE sqlite_sequence SET seq = 77 WHERE name = 'bookings'",
        Backend::Postgres => "SELECT CAST(setval('bookings_id_seq', 77) AS BIGINT)",
    };
    fleet.execute(Of::Book, raise).await;
}

#[tokio::test]
async fn charges_are_canceled_after_ids_were_raised_above_the_ledger() {
    let fleet = Fleet::new().await;
    forget_booking(&fleet).await;
    fleet.clock.advance(MINUTE);
    charge(&fleet, "k3x9-booking-77", long_ago()).await;
    raise_ids(&fleet).await;
    let outcome = fleet.repair_at_most(20).await;
    assert_eq!((outcome.repaired.len(), outcome.left_alone.len()), (2, 0), "{outcome:?}");
    assert_eq!(balance(&fleet, "k3x9-booking-77").await, 0);
    assert_eq!(balance(&fleet, "k3x9-booking-2").await, 10_000);
}

#[tokio::test]
async fn no_charge_is_canceled_while_book_is_empty() {
    let fleet = Fleet::new().await;
    forget_booking(&fleet).await;
    fleet.clock.advance(MINUTE);
    raise_ids(&fleet).await;
    fleet.execute(Of::Book, "DELETE FROM bookings").await;
    let outcome = fleet.repair_at_most(20).await;
    assert!(outcome.left_alone.iter().any(|left| left.booking_id == 1), "{outcome:?}");
    assert_eq!(balance(&fleet, "k3x9-booking-1").await, 10_000);
}

#[tokio::test]
async fn run_cancels_at_most_max_refunds() {
    let fleet = Fleet::new().await;
    // Declined bookings without payments.
    for id in 3..=6 {
        let mut tx = fleet.db(Of::Book).begin().await.unwrap();
        let booking = query(
            "INSERT INTO bookings (movie_key, qty, total_price, name, status, paid, created_at, updated_at)
             VALUES ('', 1, 700, 'CGV', 'Declined', 0, $1, $1)",
        );
        tx.execute(booking.bind(long_ago())).await.unwrap();
        tx.commit().await.unwrap();
        charge(&fleet, &format!("k3x9-booking-{id}"), long_ago()).await;
    }
    let outcome = fleet.repair_at_most(3).await;
    assert_eq!((outcome.repaired.len(), outcome.left_alone.len()), (3, 1), "{outcome:?}");
    assert!(outcome.left_alone[0].what.contains("--max-refunds"), "{outcome:?}");
    assert_eq!(fleet.repair_at_most(0).await.repaired, []);
    assert_eq!(fleet.repair().await.len(), 1);
    assert_eq!(fleet.kinds().await, []);
}

#[tokio::test]
async fn charges_of_other_fleets_are_counted_and_left_alone() {
    let fleet = Fleet::new().await;
    for reference in ["other-booking-1", "other-booking-99", "order-17", "k3x9-booking-007"] {
        charge(&fleet, reference, long_ago()).await;
    }
    let report = fleet.audit().await;
    assert_eq!(report.total(), 0, "{report:?}");
    assert_eq!(report.ledger.unwrap().of_others, 4);
    assert_eq!(fleet.repair().await, []);
}

#[tokio::test]
async fn fleet_id_never_becomes_part_of_a_statement() {
    let mut fleet = Fleet::new().await;
    fleet.execute(Of::Payment, "UPDATE payments SET reference = NULL").await;
    fleet.databases.provider.as_mut().unwrap().fleet_id = "x') OR 1 = 1 OR reference IN ('".to_owned();
    let report = fleet.audit().await;
    assert_eq!((report.total(), report.ledger.unwrap().of_others), (0, 2), "{report:?}");
}

#[tokio::test]
async fn payment_without_a_reference_needs_no_charge() {
    let fleet = Fleet::new().await;
    fleet.execute(Of::Payment, "UPDATE payments SET reference = NULL").await;
    fleet.execute(Of::Processor, "DELETE FROM ledger").await;
    assert_eq!(fleet.kinds().await, []);
}

#[tokio::test]
async fn payment_without_its_charge_is_found_and_not_repaired() {
    let fleet = Fleet::new().await;
    fleet.execute(Of::Processor, "DELETE FROM ledger WHERE reference = 'k3x9-booking-1'").await;
    assert_eq!(fleet.kinds().await, [Kind::ChargeMissing]);
    assert_eq!(fleet.repair().await, []);
}

#[tokio::test]
async fn kept_charge_of_a_canceled_payment_is_canceled() {
    let fleet = Fleet::new().await;
    for (of, sql) in [
        (Of::Book, "UPDATE bookings SET status = 'Canceled' WHERE id = 1"),
        (Of::Book, "DELETE FROM seat_claims WHERE booking_id = 1"),
        (Of::Payment, "UPDATE payments SET status = 'Canceled' WHERE booking_id = 1"),
        (Of::Ticket, "UPDATE tickets SET status = 'Canceled' WHERE booking_id = 1"),
        (Of::Mypage, "UPDATE mypages SET status = 'Canceled' WHERE booking_id = 1"),
    ] {
        fleet.execute(of, sql).await;
    }
    fleet.clock.advance(MINUTE);
    assert_eq!(fleet.kinds().await, [Kind::RefundMissing]);
    assert_eq!(fleet.repair().await.len(), 1);
    assert_eq!(balance(&fleet, "k3x9-booking-1").await, 0);
    assert_eq!(fleet.kinds().await, []);
}

#[tokio::test]
async fn refund_of_a_confirmed_booking_is_unfounded() {
    let fleet = Fleet::new().await;
    fleet
        .execute(
            Of::Processor,
            "INSERT INTO ledger (reference, kind, amount, currency, created_at)
             SELECT reference, 'refund', amount, currency, created_at FROM ledger WHERE reference = 'k3x9-booking-1'",
        )
        .await;
    assert_eq!(fleet.kinds().await, [Kind::RefundUnfounded]);
    assert_eq!(fleet.repair().await, []);
}

#[tokio::test]
async fn charged_amount_is_compared_to_the_won() {
    let fleet = Fleet::new().await;
    fleet.execute(Of::Processor, "UPDATE ledger SET amount = 9999 WHERE reference = 'k3x9-booking-1'").await;
    assert_eq!(fleet.kinds().await, [Kind::AmountWrong]);
}

#[tokio::test]
async fn charge_is_found_by_the_reference_in_its_payment_after_the_fleet_id_changed() {
    let fleet = Fleet::new().await;
    fleet.execute(Of::Payment, "UPDATE payments SET reference = 'old-booking-1' WHERE booking_id = 1").await;
    fleet
        .execute(
            Of::Processor,
            "UPDATE ledger SET reference = 'old-booking-1' WHERE reference = 'k3x9-booking-1'",
        )
        .await;
    assert_eq!(fleet.kinds().await, []);
}

#[tokio::test]
async fn second_charge_under_another_reference_is_found() {
    let fleet = Fleet::new().await;
    fleet.execute(Of::Payment, "UPDATE payments SET reference = 'old-booking-1' WHERE booking_id = 1").await;
    charge(&fleet, "old-booking-1", long_ago()).await;
    fleet.execute(Of::Processor, "UPDATE ledger SET amount = 10000 WHERE reference = 'old-booking-1'").await;
    assert_eq!(fleet.kinds().await, [Kind::ChargeDoubled]);
    assert_eq!(fleet.repair().await, []);
}

#[tokio::test]
async fn unread_ledger_has_no_violations() {
    let mut fleet = Fleet::new().await;
    fleet.execute(Of::Processor, "DELETE FROM ledger").await;
    fleet.databases.provider = None;
    let report = fleet.audit().await;
    assert_eq!((report.total(), report.ledger), (0, None));
    assert_eq!(report.not_seen.len(), 1, "{:?}", report.not_seen);
    assert_eq!(fleet.repair().await, []);
}
