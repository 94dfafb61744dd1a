//! Violations of the screening in tickets and rows of mypage, and of held bookings.

use audit::Kind;

use crate::databases::{Fleet, Of};

/// A fleet whose first booking has a screening, which its ticket and its row of mypage name.
async fn at_a_screening() -> Fleet {
    let fleet = Fleet::new().await;
    for (of, sql) in [
        (
            Of::Book,
            "INSERT INTO screenings (movie_name, theatre, starts_at, ends_at, created_at, movie_key)
             VALUES ('soul', 'Hall 1', 1000000, 2000000, 0, 'soul')",
        ),
        (Of::Book, "UPDATE bookings SET screening_id = 1 WHERE id = 1"),
        (Of::Book, "UPDATE seat_claims SET place = 'screening:1' WHERE booking_id = 1"),
        (
            Of::Ticket,
            "UPDATE tickets SET screening_id = 1, theatre = 'Hall 1', starts_at = 1000000, ends_at = 2000000
             WHERE booking_id = 1",
        ),
        (
            Of::Mypage,
            "UPDATE mypages SET screening_id = 1, theatre = 'Hall 1', hall = 'Hall 1', starts_at = 1000000,
                 ends_at = 2000000
             WHERE booking_id = 1",
        ),
    ] {
        fleet.execute(of, sql).await;
    }
    assert_eq!(fleet.kinds().await, [], "before");
    fleet
}

#[tokio::test]
async fn ticket_of_another_screening_is_found() {
    for sql in [
        "UPDATE tickets SET screening_id = 2 WHERE booking_id = 1",
        "UPDATE tickets SET theatre = 'Hall 2' WHERE booking_id = 1",
        "UPDATE tickets SET starts_at = 5 WHERE booking_id = 1",
        "UPDATE tickets SET ends_at = 5 WHERE booking_id = 1",
    ] {
        let fleet = at_a_screening().await;
        fleet.execute(Of::Ticket, sql).await;
        assert_eq!(fleet.kinds().await, [Kind::TicketDiffers], "{sql}");
        assert_eq!(fleet.repair().await, []);
    }
}

#[tokio::test]
async fn row_of_mypage_with_another_screening_is_rebuilt() {
    let fleet = at_a_screening().await;
    let right = fleet.stories().await;
    fleet
        .execute(Of::Mypage, "UPDATE mypages SET theatre = 'Hall 2', ends_at = 5 WHERE booking_id = 1")
        .await;
    assert_eq!(fleet.kinds().await, [Kind::MypageDiffers]);
    assert_eq!(fleet.repair().await.len(), 1);
    assert_eq!(fleet.kinds().await, []);
    let mut repaired = fleet.stories().await;
    repaired[0].mypage.as_mut().unwrap().updated_at = right[0].mypage.as_ref().unwrap().updated_at;
    assert_eq!(repaired, right);
}

#[tokio::test]
async fn rows_of_earlier_versions_need_no_screening() {
    let fleet = at_a_screening().await;
    for (of, sql) in [
        (
            Of::Ticket,
            "UPDATE tickets SET screening_id = NULL, theatre = NULL, starts_at = NULL, ends_at = NULL",
        ),
        (
            Of::Mypage,
            "UPDATE mypages SET screening_id = NULL, theatre = NULL, starts_at = NULL, ends_at = NULL",
        ),
    ] {
        fleet.execute(of, sql).await;
    }
    assert_eq!(fleet.kinds().await, []);
}

#[tokio::test]
async fn screening_without_an_end_lasts_two_hours() {
    let fleet = at_a_screening().await;
    fleet.execute(Of::Book, "UPDATE screenings SET ends_at = NULL").await;
    assert_eq!(fleet.kinds().await, [Kind::TicketDiffers, Kind::MypageDiffers]);
    fleet.execute(Of::Ticket, "UPDATE tickets SET ends_at = 7201000000 WHERE booking_id = 1").await;
    fleet.execute(Of::Mypage, "UPDATE mypages SET ends_at = 7201000000 WHERE booking_id = 1").await;
    assert_eq!(fleet.kinds().await, []);
}

/// A fleet whose first booking is held for a long time.
async fn held() -> Fleet {
    let fleet = Fleet::new().await;
    for (of, sql) in [
        (
            Of::Book,
            "UPDATE bookings SET status = 'PaymentPending', paid = 0, held_published = 1, held_until = 9000000000000000
             WHERE id = 1",
        ),
        (Of::Payment, "DELETE FROM payments WHERE booking_id = 1"),
        (Of::Processor, "DELETE FROM ledger WHERE reference LIKE '%-booking-1'"),
        (Of::Processor, "DELETE FROM payments WHERE reference LIKE '%-booking-1'"),
        (Of::Ticket, "DELETE FROM tickets WHERE booking_id = 1"),
        (Of::Point, "DELETE FROM points WHERE booking_id = 1"),
        (
            Of::Mypage,
            "UPDATE mypages SET booked = 0, held = 1, held_until = 9000000000000000, score = NULL, ticket_id = NULL
             WHERE booking_id = 1",
        ),
        (Of::Mypage, "UPDATE timeline SET event = 'Held' WHERE booking_id = 1"),
    ] {
        fleet.execute(of, sql).await;
    }
    assert_eq!(fleet.kinds().await, [], "before");
    fleet
}

#[tokio::test]
async fn missing_row_of_a_held_booking_is_rebuilt() {
    let fleet = held().await;
    let right = fleet.stories().await;
    fleet.execute(Of::Mypage, "DELETE FROM mypages WHERE booking_id = 1").await;
    assert_eq!(fleet.kinds().await, [Kind::MypageMissing]);
    assert_eq!(fleet.repair().await.len(), 1);
    let mut repaired = fleet.stories().await;
    repaired[0].mypage.as_mut().unwrap().updated_at = right[0].mypage.as_ref().unwrap().updated_at;
    assert_eq!(repaired, right);
}

#[tokio::test]
async fn row_with_the_wrong_end_of_a_hold_is_rebuilt() {
    for sql in [
        "UPDATE bookings SET status = 'Declined' WHERE id = 1",
        "UPDATE bookings SET status = 'Expired' WHERE id = 1",
        "UPDATE bookings SET status = 'Canceled' WHERE id = 1",
    ] {
        let fleet = held().await;
        fleet.execute(Of::Book, sql).await;
        fleet.execute(Of::Book, "DELETE FROM seat_claims WHERE booking_id = 1").await;
        assert_eq!(fleet.kinds().await, [Kind::MypageDiffers], "{sql}");
        assert_eq!(fleet.repair().await.len(), 1);
        assert_eq!(fleet.kinds().await, [], "{sql}");
        let [story, _] = fleet.stories().await;
        assert_eq!(story.mypage.unwrap().status, story.booking.unwrap().status);
    }
}

/// Book has not published `Held`: the first attempt to pay is running, or an earlier version made the
/// booking.
#[tokio::test]
async fn row_of_a_booking_that_was_never_held_is_deleted() {
    let fleet = held().await;
    fleet.execute(Of::Book, "UPDATE bookings SET held_published = 0 WHERE id = 1").await;
    assert_eq!(fleet.kinds().await, [Kind::MypageExtra]);
    assert_eq!(fleet.repair().await.len(), 1);
    assert_eq!(fleet.kinds().await, []);
}
