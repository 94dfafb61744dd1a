//! One test for each kind of violation, and for its repair.

use audit::Kind;
use events::{CancelRequested, Event, HoldExpired, Paid, PaymentCanceled, Printed};
use messaging::Consumer;
use storage::query;
use test_kit::fleet::{deliver, outbox};

use crate::databases::{BYSTANDER, Fleet, Of, PLANTED, hour_ago};

/// Executes `statements`, and checks that an audit finds `kinds` and a repair publishes `events` and changes
/// nothing else.
async fn planted(statements: &[(Of, &'static str)], kinds: &[Kind], events: &[&str]) -> Fleet {
    let mut fleet = Fleet::new().await;
    assert_eq!(fleet.kinds().await, [], "before");
    // These violations are between the services. The tests of the ledger are in `charges`.
    fleet.databases.provider = None;
    for (of, sql) in statements {
        fleet.execute(*of, sql).await;
    }
    assert_eq!(fleet.kinds().await, kinds);
    let report = fleet.audit().await;
    for finding in &report.findings {
        assert_eq!(finding.story.booking_id, PLANTED);
    }

    let before = fleet.stories().await;
    let repaired = fleet.repair().await;
    assert_eq!(fleet.published().await, events);
    assert_eq!(repaired.len(), events.len(), "{repaired:?}");
    assert_eq!(fleet.stories().await, before);
    fleet
}

/// Executes `sql` in mypage, and checks that an audit finds `kind` and a repair restores the row.
async fn planted_in_mypage(sql: &'static str, kind: Kind) {
    let fleet = Fleet::new().await;
    let right = fleet.stories().await;
    fleet.execute(Of::Mypage, sql).await;
    assert_eq!(fleet.kinds().await, [kind]);
    let repaired = fleet.repair().await;
    assert_eq!(repaired.len(), 1, "{repaired:?}");
    assert_eq!(fleet.kinds().await, []);
    assert_eq!(fleet.published().await, [""; 0]);
    let mut stories = fleet.stories().await;
    for (repaired, right) in stories.iter_mut().zip(&right) {
        let (repaired, right) = (repaired.mypage.as_mut().unwrap(), right.mypage.as_ref().unwrap());
        repaired.updated_at = right.updated_at;
    }
    assert_eq!(stories, right);
}

#[tokio::test]
async fn booking_without_a_payment_is_found() {
    planted(&[(Of::Payment, "DELETE FROM payments WHERE booking_id = 1")], &[Kind::BookingUnpaid], &[]).await;
}

#[tokio::test]
async fn payment_of_an_ended_booking_is_refunded() {
    let fleet = planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'Expired' WHERE id = 1"),
            (Of::Book, "DELETE FROM seat_claims WHERE booking_id = 1"),
            (Of::Ticket, "DELETE FROM tickets WHERE booking_id = 1"),
            (Of::Point, "DELETE FROM points WHERE booking_id = 1"),
            (Of::Mypage, "DELETE FROM mypages WHERE booking_id = 1"),
        ],
        &[Kind::PaymentOrphaned],
        &["book HoldExpired"],
    )
    .await;
    // Payment refunds because of this event, and mypage shows the booking because of it.
    let event = outbox(fleet.db(Of::Book)).await.remove(0);
    assert!(matches!(&event, Event::HoldExpired(HoldExpired { qty: Some(2), .. })), "{event:?}");
    let consumer = Consumer::new(
        "payment",
        fleet.db(Of::Payment).clone(),
        transport(),
        payment::consumers::PaymentEvents,
    );
    deliver(&consumer, event.clone()).await.unwrap();
    let mut tx = fleet.db(Of::Payment).begin().await.unwrap();
    let reference = payment::domain::Reference::of(&"test".parse().unwrap(), event.booking_id());
    payment::app::end_cancel(&mut tx, event.booking_id(), &reference, None).await.unwrap();
    tx.commit().await.unwrap();
    let refunded = outbox(fleet.db(Of::Payment)).await.remove(0);
    let consumer =
        Consumer::new("mypage", fleet.db(Of::Mypage).clone(), transport(), mypage::consumers::BookingStory);
    deliver(&consumer, event).await.unwrap();
    deliver(&consumer, refunded).await.unwrap();
    fleet.execute(Of::Book, "DELETE FROM outbox").await;
    fleet.execute(Of::Payment, "DELETE FROM outbox").await;
    fleet.execute(Of::Payment, "UPDATE payments SET updated_at = created_at").await;
    assert_eq!(fleet.kinds().await, []);
}

#[tokio::test]
async fn payment_without_a_booking_is_refunded() {
    planted(
        &[
            (Of::Book, "DELETE FROM bookings WHERE id = 1"),
            (Of::Book, "DELETE FROM seat_claims WHERE booking_id = 1"),
            (Of::Ticket, "DELETE FROM tickets WHERE booking_id = 1"),
            (Of::Point, "DELETE FROM points WHERE booking_id = 1"),
            (Of::Mypage, "DELETE FROM mypages WHERE booking_id = 1"),
        ],
        &[Kind::PaymentOrphaned],
        &["book HoldExpired"],
    )
    .await;
}

#[tokio::test]
async fn payment_of_a_collected_ticket_is_not_refunded() {
    planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'Canceled' WHERE id = 1"),
            (Of::Book, "DELETE FROM seat_claims WHERE booking_id = 1"),
            (Of::Ticket, "UPDATE tickets SET status = 'Printed' WHERE booking_id = 1"),
            (Of::Point, "UPDATE points SET score = 100 WHERE booking_id = 1"),
            (Of::Mypage, "UPDATE mypages SET status = 'Canceled', score = 100 WHERE booking_id = 1"),
        ],
        &[Kind::PaymentOrphaned, Kind::TicketUnfounded],
        &[],
    )
    .await;
}

#[tokio::test]
async fn paid_is_published_again_for_a_pending_booking() {
    let fleet = planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'PaymentPending', paid = 0 WHERE id = 1"),
            (Of::Ticket, "DELETE FROM tickets WHERE booking_id = 1"),
            (Of::Point, "DELETE FROM points WHERE booking_id = 1"),
            (Of::Mypage, "DELETE FROM mypages WHERE booking_id = 1"),
        ],
        &[Kind::PaymentUnsettled],
        &["payment Paid"],
    )
    .await;
    let event = outbox(fleet.db(Of::Payment)).await.remove(0);
    assert!(matches!(event, Event::Paid(Paid { total_price: Some(10_000), .. })), "{event:?}");
}

#[tokio::test]
async fn payment_of_a_wrong_amount_is_found() {
    let sql = "UPDATE payments SET total_price = 9999 WHERE booking_id = 1";
    planted(&[(Of::Payment, sql)], &[Kind::AmountWrong], &[]).await;
}

#[tokio::test]
async fn second_payment_is_found() {
    planted(
        &[
            (Of::Payment, "CREATE TABLE copied AS SELECT * FROM payments"),
            (Of::Payment, "DROP TABLE payments"),
            (Of::Payment, "ALTER TABLE copied RENAME TO payments"),
            (
                Of::Payment,
                "INSERT INTO payments (id, booking_id, total_price, status, created_at, updated_at)
                 SELECT 9, booking_id, total_price, status, created_at, updated_at FROM payments WHERE booking_id = 1",
            ),
        ],
        &[Kind::PaymentDoubled],
        &[],
    )
    .await;
}

#[tokio::test]
async fn refund_of_a_collected_ticket_is_found() {
    planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'PrintComplete' WHERE id = 1"),
            (Of::Payment, "UPDATE payments SET status = 'Canceled' WHERE booking_id = 1"),
            (Of::Ticket, "UPDATE tickets SET status = 'Printed' WHERE booking_id = 1"),
            (Of::Point, "UPDATE points SET score = 100 WHERE booking_id = 1"),
            (Of::Mypage, "UPDATE mypages SET status = 'Printed', score = 100 WHERE booking_id = 1"),
        ],
        &[Kind::RefundOfCollected],
        &[],
    )
    .await;
}

#[tokio::test]
async fn payment_canceled_is_published_again_for_a_live_booking() {
    let sql = "UPDATE payments SET status = 'Canceled' WHERE booking_id = 1";
    let fleet = planted(&[(Of::Payment, sql)], &[Kind::RefundOfLive], &["payment PaymentCanceled"]).await;
    let event = outbox(fleet.db(Of::Payment)).await.remove(0);
    assert!(matches!(event, Event::PaymentCanceled(PaymentCanceled { .. })), "{event:?}");
}

#[tokio::test]
async fn seat_of_two_live_bookings_is_found() {
    let fleet = Fleet::new().await;
    fleet.execute(Of::Book, "UPDATE bookings SET seat = '1A,4D' WHERE id = 2").await;
    fleet.execute(Of::Book, "DELETE FROM seat_claims WHERE booking_id = 2 AND seat = '3C'").await;
    fleet.execute(Of::Mypage, "UPDATE mypages SET seat = '1A,4D' WHERE booking_id = 2").await;
    let report = fleet.audit().await;
    assert_eq!(fleet.kinds().await, [Kind::SeatSoldTwice]);
    assert_eq!(report.findings[0].story.booking_id, BYSTANDER);
    assert_eq!(report.findings[0].story.rivals[0].booking_id, PLANTED);
    assert_eq!(fleet.repair().await, []);
}

#[tokio::test]
async fn seat_sold_under_two_spellings_is_found() {
    let fleet = Fleet::new().await;
    let spelled = "UPDATE bookings SET movie_name = ' SOUL', seat = '１a,4D' WHERE id = 2";
    fleet.execute(Of::Book, spelled).await;
    fleet.execute(Of::Book, "DELETE FROM seat_claims WHERE booking_id = 2 AND seat = '3C'").await;
    fleet
        .execute(Of::Mypage, "UPDATE mypages SET movie_name = ' SOUL', seat = '１a,4D' WHERE booking_id = 2")
        .await;
    let report = fleet.audit().await;
    assert_eq!(fleet.kinds().await, [Kind::SeatSoldTwice]);
    assert_eq!(report.findings[0].story.booking_id, BYSTANDER);
    assert_eq!(report.findings[0].story.rivals[0].booking_id, PLANTED);
}

#[tokio::test]
async fn unclaimed_seat_is_found() {
    let sql = "DELETE FROM seat_claims WHERE booking_id = 1 AND seat = '1A'";
    planted(&[(Of::Book, sql)], &[Kind::ClaimMissing], &[]).await;
}

#[tokio::test]
async fn claim_of_an_ended_booking_is_found() {
    planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'Declined' WHERE id = 1"),
            (Of::Book, "DELETE FROM seat_claims WHERE booking_id = 1 AND seat = '1A'"),
            (Of::Payment, "DELETE FROM payments WHERE booking_id = 1"),
            (Of::Ticket, "DELETE FROM tickets WHERE booking_id = 1"),
            (Of::Point, "DELETE FROM points WHERE booking_id = 1"),
            (Of::Mypage, "DELETE FROM mypages WHERE booking_id = 1"),
        ],
        &[Kind::ClaimLeft],
        &[],
    )
    .await;
}

#[tokio::test]
async fn wrong_number_of_places_left_is_found() {
    let fleet = Fleet::new().await;
    fleet
        .execute(
            Of::Book,
            "INSERT INTO screenings (movie_name, theatre, starts_at, capacity, price, places_left, created_at,
                 movie_key)
             VALUES ('soul', '1', 0, 100, 5000, 98, 0, 'soul')",
        )
        .await;
    fleet.execute(Of::Book, "UPDATE bookings SET screening_id = 1, seat = NULL WHERE id = 1").await;
    fleet.execute(Of::Book, "DELETE FROM seat_claims WHERE booking_id = 1").await;
    fleet.execute(Of::Mypage, "UPDATE mypages SET seat = NULL WHERE booking_id = 1").await;
    assert_eq!(fleet.kinds().await, []);
    fleet.execute(Of::Book, "UPDATE screenings SET places_left = 97").await;
    assert_eq!(fleet.kinds().await, [Kind::PlacesWrong]);
    assert_eq!(fleet.audit().await.total(), 1);
    assert_eq!(fleet.repair().await, []);
}

#[tokio::test]
async fn hold_that_expired_long_ago_is_found() {
    planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'PaymentPending', held_until = updated_at WHERE id = 1"),
            (Of::Payment, "DELETE FROM payments WHERE booking_id = 1"),
            (Of::Ticket, "DELETE FROM tickets WHERE booking_id = 1"),
            (Of::Point, "DELETE FROM points WHERE booking_id = 1"),
            (Of::Mypage, "DELETE FROM mypages WHERE booking_id = 1"),
        ],
        &[Kind::HoldOverdue],
        &[],
    )
    .await;
}

#[tokio::test]
async fn cancel_requested_is_published_again_for_an_unfinished_cancel() {
    let sql = "UPDATE bookings SET status = 'Canceling' WHERE id = 1";
    let fleet = planted(&[(Of::Book, sql)], &[Kind::CancelUnfinished], &["book CancelRequested"]).await;
    let event = outbox(fleet.db(Of::Book)).await.remove(0);
    assert!(matches!(event, Event::CancelRequested(CancelRequested { .. })), "{event:?}");
}

#[tokio::test]
async fn unfinished_cancel_with_a_void_ticket_continues() {
    planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'Canceling' WHERE id = 1"),
            (Of::Ticket, "UPDATE tickets SET status = 'Canceled' WHERE booking_id = 1"),
        ],
        &[Kind::CancelUnfinished],
        &["ticket TicketCanceled"],
    )
    .await;
}

#[tokio::test]
async fn booked_is_published_again_for_a_missing_ticket() {
    let fleet = planted(
        &[
            (Of::Ticket, "DELETE FROM tickets WHERE booking_id = 1"),
            (Of::Point, "DELETE FROM points WHERE booking_id = 1"),
            (Of::Mypage, "UPDATE mypages SET ticket_id = NULL, score = NULL WHERE booking_id = 1"),
        ],
        &[Kind::TicketMissing],
        &["book Booked"],
    )
    .await;
    let event = outbox(fleet.db(Of::Book)).await.remove(0);
    let consumer =
        Consumer::new("ticket", fleet.db(Of::Ticket).clone(), transport(), ticket::consumers::TicketEvents);
    deliver(&consumer, event).await.unwrap();
    let kinds: Vec<Kind> = fleet.audit().await.violations.into_keys().collect();
    assert_eq!(kinds, [], "the ticket was issued within the settling time");
}

#[tokio::test]
async fn ticket_of_a_canceled_booking_is_canceled() {
    planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'Canceled' WHERE id = 1"),
            (Of::Book, "DELETE FROM seat_claims WHERE booking_id = 1"),
            (Of::Payment, "UPDATE payments SET status = 'Canceled' WHERE booking_id = 1"),
            (Of::Mypage, "UPDATE mypages SET status = 'Canceled' WHERE booking_id = 1"),
        ],
        &[Kind::TicketUnfounded],
        &["book CancelRequested"],
    )
    .await;
}

#[tokio::test]
async fn second_ticket_is_found() {
    planted(
        &[
            (Of::Ticket, "CREATE TABLE copied AS SELECT * FROM tickets"),
            (Of::Ticket, "DROP TABLE tickets"),
            (Of::Ticket, "ALTER TABLE copied RENAME TO tickets"),
            (Of::Ticket, "INSERT INTO tickets SELECT * FROM tickets WHERE booking_id = 1"),
        ],
        &[Kind::TicketDoubled],
        &[],
    )
    .await;
}

#[tokio::test]
async fn printed_is_published_again_for_an_unknown_collection() {
    let fleet = planted(
        &[
            (Of::Ticket, "UPDATE tickets SET status = 'Printed' WHERE booking_id = 1"),
            (Of::Point, "UPDATE points SET score = 100 WHERE booking_id = 1"),
            (Of::Mypage, "UPDATE mypages SET status = 'Printed', score = 100 WHERE booking_id = 1"),
        ],
        &[Kind::CollectionUntold],
        &["ticket Printed"],
    )
    .await;
    let event = outbox(fleet.db(Of::Ticket)).await.remove(0);
    assert!(matches!(event, Event::Printed(Printed { .. })), "{event:?}");
}

#[tokio::test]
async fn unfinished_collection_is_found() {
    let sql = "UPDATE tickets SET status = 'Printing' WHERE booking_id = 1";
    planted(&[(Of::Ticket, sql)], &[Kind::CollectionUnfinished], &[]).await;
}

#[tokio::test]
async fn collected_ticket_without_100_points_is_found() {
    planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'PrintComplete' WHERE id = 1"),
            (Of::Ticket, "UPDATE tickets SET status = 'Printed' WHERE booking_id = 1"),
            (Of::Mypage, "UPDATE mypages SET status = 'Printed' WHERE booking_id = 1"),
        ],
        &[Kind::PointsWrong],
        &[],
    )
    .await;
}

#[tokio::test]
async fn points_without_a_collected_ticket_are_found() {
    planted(
        &[
            (Of::Point, "UPDATE points SET score = 100, status = 'Pointed' WHERE booking_id = 1"),
            (Of::Mypage, "UPDATE mypages SET score = 100 WHERE booking_id = 1"),
        ],
        &[Kind::PointsUnearned],
        &[],
    )
    .await;
}

#[tokio::test]
async fn second_award_is_found() {
    planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'PrintComplete' WHERE id = 1"),
            (Of::Ticket, "UPDATE tickets SET status = 'Printed' WHERE booking_id = 1"),
            (Of::Point, "UPDATE points SET score = 50, status = 'Pointed' WHERE booking_id = 1"),
            (
                Of::Point,
                "INSERT INTO points (booking_id, customer_id, score, contents, status, created_at)
                 SELECT booking_id, customer_id, score, contents, 'Pointed again', created_at
                 FROM points WHERE booking_id = 1",
            ),
            (Of::Mypage, "UPDATE mypages SET status = 'Printed', score = 50 WHERE booking_id = 1"),
        ],
        &[Kind::AwardDoubled],
        &[],
    )
    .await;
}

#[tokio::test]
async fn missing_row_of_mypage_is_rebuilt() {
    planted_in_mypage("DELETE FROM mypages WHERE booking_id = 1", Kind::MypageMissing).await;
}

#[tokio::test]
async fn wrong_row_of_mypage_is_rebuilt() {
    for sql in [
        "UPDATE mypages SET status = 'Printed' WHERE booking_id = 1",
        "UPDATE mypages SET score = 100 WHERE booking_id = 1",
        "UPDATE mypages SET price = 1 WHERE booking_id = 1",
        "UPDATE mypages SET seat = '9Z' WHERE booking_id = 1",
        "UPDATE mypages SET qty = 3 WHERE booking_id = 1",
    ] {
        planted_in_mypage(sql, Kind::MypageDiffers).await;
    }
}

#[tokio::test]
async fn row_of_mypage_without_a_booking_is_deleted() {
    let fleet = Fleet::new().await;
    let before = fleet.stories().await;
    fleet
        .execute(
            Of::Mypage,
            "INSERT INTO mypages (booking_id, booked, shown, status, updated_at) VALUES (9, 1, 1, 'Booked', 0)",
        )
        .await;
    assert_eq!(fleet.kinds().await, [Kind::MypageExtra]);
    assert_eq!(fleet.repair().await.len(), 1);
    assert_eq!(fleet.kinds().await, []);
    assert_eq!(fleet.stories().await, before);
}

#[tokio::test]
async fn unsent_event_is_found_and_prevents_a_repair() {
    let fleet = Fleet::new().await;
    let insert = "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, headers, occurred_at)
                  VALUES ('1', 'booking', '1', 'Booked', '{}', '[]', $1)";
    let mut tx = fleet.db(Of::Book).begin().await.unwrap();
    tx.execute(query(insert).bind(hour_ago())).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(fleet.kinds().await, [Kind::EventUnsent]);
    fleet.execute(Of::Book, "UPDATE bookings SET status = 'Canceling' WHERE id = 1").await;
    assert_eq!(fleet.kinds().await, [Kind::CancelUnfinished, Kind::EventUnsent]);
    assert_eq!(fleet.repair().await, []);
}

#[tokio::test]
async fn unknown_status_is_found() {
    planted(
        &[
            (Of::Book, "UPDATE bookings SET status = 'Spoiled' WHERE id = 1"),
            (Of::Book, "DELETE FROM seat_claims WHERE booking_id = 1"),
            (Of::Payment, "DELETE FROM payments WHERE booking_id = 1"),
            (Of::Ticket, "DELETE FROM tickets WHERE booking_id = 1"),
            (Of::Point, "DELETE FROM points WHERE booking_id = 1"),
            (Of::Mypage, "DELETE FROM mypages WHERE booking_id = 1"),
        ],
        &[Kind::RowUnreadable],
        &[],
    )
    .await;
}

#[tokio::test]
async fn recent_change_is_in_flight() {
    let fleet = Fleet::new().await;
    let mut tx = fleet.db(Of::Book).begin().await.unwrap();
    let update = "UPDATE bookings SET status = 'Canceling', updated_at = $1 WHERE id = 1";
    let now = tx.now().as_microsecond();
    tx.execute(query(update).bind(now)).await.unwrap();
    tx.commit().await.unwrap();
    let report = fleet.audit().await;
    assert_eq!((report.bookings, report.in_flight, report.total()), (2, 1, 0));
    assert_eq!(fleet.repair().await, []);
}

#[tokio::test]
async fn second_repair_publishes_nothing_while_the_first_event_waits() {
    let fleet = Fleet::new().await;
    fleet.execute(Of::Book, "UPDATE bookings SET status = 'Canceling' WHERE id = 1").await;
    assert_eq!(fleet.repair().await.len(), 1);
    assert_eq!(fleet.repair().await, []);
    assert_eq!(fleet.published().await, ["book CancelRequested"]);
}

/// A transport for consumers that get their events from the test.
fn transport() -> std::sync::Arc<dyn event_log::Transport> {
    #[derive(Debug)]
    struct Nowhere;
    impl event_log::Transport for Nowhere {
        fn publish<'a>(
            &'a self,
            _: &'a str,
            _: &'a [event_log::Record],
        ) -> futures_util::future::BoxFuture<'a, Result<(), event_log::TransportError>> {
            unreachable!("the test publishes no record")
        }

        fn subscribe_in<'a>(
            &'a self,
            _: &'a str,
            _: &'a str,
            _: i64,
        ) -> futures_util::future::BoxFuture<
            'a,
            Result<Box<dyn event_log::Subscription>, event_log::TransportError>,
        > {
            unreachable!("the test does not subscribe")
        }

        fn history<'a>(
            &'a self,
            _: &'a str,
        ) -> futures_util::future::BoxFuture<'a, Result<Box<dyn event_log::History>, event_log::TransportError>>
        {
            unreachable!("the test reads no history")
        }
    }
    std::sync::Arc::new(Nowhere)
}
