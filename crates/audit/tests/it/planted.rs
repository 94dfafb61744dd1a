//! One test for each kind of violation.

use audit::Kind;
use events::{CancelRequested, Event, HoldExpired, Paid, PaymentCanceled, Printed};
use messaging::Consumer;
use storage::query;
use test_kit::fleet::{deliver, outbox};

use crate::databases::{BYSTANDER, Fleet, Of, PLANTED, hour_ago};

/// What is wrong after these statements, and what a repair tells again; it must not touch anything else.
async fn planted(statements: &[(Of, &'static str)], kinds: &[Kind], told: &[&str]) -> Fleet {
    let mut fleet = Fleet::new().await;
    assert_eq!(fleet.kinds().await, [], "before");
    // What is planted here is between the services; the tests of the ledger are in `charges`.
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
    assert_eq!(fleet.told().await, told);
    assert_eq!(repaired.len(), told.len(), "{repaired:?}");
    assert_eq!(fleet.stories().await, before);
    fleet
}

/// The same, where a repair makes the customer's row anew.
async fn planted_in_mypage(sql: &'static str, kind: Kind) {
    let fleet = Fleet::new().await;
    let right = fleet.stories().await;
    fleet.execute(Of::Mypage, sql).await;
    assert_eq!(fleet.kinds().await, [kind]);
    let repaired = fleet.repair().await;
    assert_eq!(repaired.len(), 1, "{repaired:?}");
    assert_eq!(fleet.kinds().await, []);
    assert_eq!(fleet.told().await, [""; 0]);
    let mut stories = fleet.stories().await;
    for (mended, right) in stories.iter_mut().zip(&right) {
        let (mended, right) = (mended.mypage.as_mut().unwrap(), right.mypage.as_ref().unwrap());
        mended.updated_at = right.updated_at;
    }
    assert_eq!(stories, right);
}

#[tokio::test]
async fn a_booking_without_payment() {
    planted(&[(Of::Payment, "DELETE FROM payments WHERE booking_id = 1")], &[Kind::BookingUnpaid], &[]).await;
}

#[tokio::test]
async fn money_kept_for_a_booking_that_has_ended_goes_back() {
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
    // What was told is what payment gives it back for, and what it is shown by.
    let told = outbox(fleet.db(Of::Book)).await.remove(0);
    assert!(matches!(&told, Event::HoldExpired(HoldExpired { qty: Some(2), .. })), "{told:?}");
    let consumer = Consumer::new(
        "payment",
        fleet.db(Of::Payment).clone(),
        transport(),
        payment::consumers::PaymentEvents,
    );
    deliver(&consumer, told.clone()).await.unwrap();
    let mut tx = fleet.db(Of::Payment).begin().await.unwrap();
    let reference = payment::domain::Reference::of(&"test".parse().unwrap(), told.booking_id());
    payment::app::end_cancel(&mut tx, told.booking_id(), &reference, None).await.unwrap();
    tx.commit().await.unwrap();
    let paid_back = outbox(fleet.db(Of::Payment)).await.remove(0);
    let consumer =
        Consumer::new("mypage", fleet.db(Of::Mypage).clone(), transport(), mypage::consumers::BookingStory);
    deliver(&consumer, told).await.unwrap();
    deliver(&consumer, paid_back).await.unwrap();
    fleet.execute(Of::Book, "DELETE FROM outbox").await;
    fleet.execute(Of::Payment, "DELETE FROM outbox").await;
    fleet.execute(Of::Payment, "UPDATE payments SET updated_at = created_at").await;
    assert_eq!(fleet.kinds().await, []);
}

#[tokio::test]
async fn money_kept_for_no_booking_goes_back() {
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
async fn money_kept_for_a_collected_ticket_does_not_go_back() {
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
async fn a_booking_that_waits_though_it_was_paid_is_told_of_its_payment() {
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
    let told = outbox(fleet.db(Of::Payment)).await.remove(0);
    assert!(matches!(told, Event::Paid(Paid { total_price: Some(10_000), .. })), "{told:?}");
}

#[tokio::test]
async fn another_amount_than_the_booking_costs() {
    let sql = "UPDATE payments SET total_price = 9999 WHERE booking_id = 1";
    planted(&[(Of::Payment, sql)], &[Kind::AmountWrong], &[]).await;
}

#[tokio::test]
async fn a_second_payment() {
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
async fn money_that_went_back_for_a_collected_ticket() {
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
async fn a_booking_whose_money_went_back_is_told_of_that() {
    let sql = "UPDATE payments SET status = 'Canceled' WHERE booking_id = 1";
    let fleet = planted(&[(Of::Payment, sql)], &[Kind::RefundOfLive], &["payment PaymentCanceled"]).await;
    let told = outbox(fleet.db(Of::Payment)).await.remove(0);
    assert!(matches!(told, Event::PaymentCanceled(PaymentCanceled { .. })), "{told:?}");
}

#[tokio::test]
async fn a_seat_with_two_bookings_that_live() {
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
async fn seat_sold_under_two_spellings_before_they_were_one_is_sold_twice() {
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
async fn a_seat_that_is_not_kept_for_its_booking() {
    let sql = "DELETE FROM seat_claims WHERE booking_id = 1 AND seat = '1A'";
    planted(&[(Of::Book, sql)], &[Kind::ClaimMissing], &[]).await;
}

#[tokio::test]
async fn a_seat_that_is_kept_for_a_booking_that_has_ended() {
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
async fn places_left_that_are_not_what_the_bookings_leave() {
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
async fn a_hold_that_ran_out_long_ago() {
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
async fn a_cancel_that_has_not_ended_is_asked_for_again() {
    let sql = "UPDATE bookings SET status = 'Canceling' WHERE id = 1";
    let fleet = planted(&[(Of::Book, sql)], &[Kind::CancelUnfinished], &["book CancelRequested"]).await;
    let told = outbox(fleet.db(Of::Book)).await.remove(0);
    assert!(matches!(told, Event::CancelRequested(CancelRequested { .. })), "{told:?}");
}

#[tokio::test]
async fn a_cancel_whose_ticket_is_void_goes_on_from_there() {
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
async fn a_booking_without_ticket_is_told_of_again() {
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
    let told = outbox(fleet.db(Of::Book)).await.remove(0);
    let consumer =
        Consumer::new("ticket", fleet.db(Of::Ticket).clone(), transport(), ticket::consumers::TicketEvents);
    deliver(&consumer, told).await.unwrap();
    let kinds: Vec<Kind> = fleet.audit().await.violations.into_keys().collect();
    assert_eq!(kinds, [], "its ticket was made a moment ago");
}

#[tokio::test]
async fn a_ticket_of_a_canceled_booking_is_asked_to_be_void() {
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
async fn a_second_ticket() {
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
async fn a_booking_that_does_not_know_of_its_collection_is_told() {
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
    let told = outbox(fleet.db(Of::Ticket)).await.remove(0);
    assert!(matches!(told, Event::Printed(Printed { .. })), "{told:?}");
}

#[tokio::test]
async fn a_collection_that_has_not_ended() {
    let sql = "UPDATE tickets SET status = 'Printing' WHERE booking_id = 1";
    planted(&[(Of::Ticket, sql)], &[Kind::CollectionUnfinished], &[]).await;
}

#[tokio::test]
async fn a_collected_ticket_without_its_hundred_points() {
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
async fn points_without_a_collected_ticket() {
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
async fn a_second_award() {
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
async fn a_booking_that_its_customer_does_not_see_is_shown() {
    planted_in_mypage("DELETE FROM mypages WHERE booking_id = 1", Kind::MypageMissing).await;
}

#[tokio::test]
async fn what_a_customer_sees_otherwise_than_it_is_is_mended() {
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
async fn what_a_customer_sees_of_no_booking_is_taken_away() {
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
async fn an_event_that_is_not_sent_is_found_and_nothing_is_told_twice_while_it_waits() {
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
async fn a_row_that_no_service_understands() {
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
async fn what_happened_a_moment_ago_is_in_flight_and_not_wrong() {
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
async fn a_repair_told_twice_is_told_once_while_the_first_waits() {
    let fleet = Fleet::new().await;
    fleet.execute(Of::Book, "UPDATE bookings SET status = 'Canceling' WHERE id = 1").await;
    assert_eq!(fleet.repair().await.len(), 1);
    assert_eq!(fleet.repair().await, []);
    assert_eq!(fleet.told().await, ["book CancelRequested"]);
}

/// For consumers that are only handed what they are to apply.
fn transport() -> std::sync::Arc<dyn event_log::Transport> {
    #[derive(Debug)]
    struct Nowhere;
    impl event_log::Transport for Nowhere {
        fn publish<'a>(
            &'a self,
            _: &'a str,
            _: &'a [event_log::Record],
        ) -> futures_util::future::BoxFuture<'a, Result<(), event_log::TransportError>> {
            unreachable!("nothing is published here")
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
            unreachable!("nobody subscribes here")
        }

        fn history<'a>(
            &'a self,
            _: &'a str,
        ) -> futures_util::future::BoxFuture<'a, Result<Box<dyn event_log::History>, event_log::TransportError>>
        {
            unreachable!("nobody looks back here")
        }
    }
    std::sync::Arc::new(Nowhere)
}
