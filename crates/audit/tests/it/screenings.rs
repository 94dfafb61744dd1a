//! What a ticket and a customer's page say of their screening, and bookings that are held, by the databases.

use audit::Kind;

use crate::databases::{Fleet, Of};

/// The first booking is of a screening, and its ticket and its row name it.
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
async fn page_that_names_another_screening_is_made_anew() {
    let fleet = at_a_screening().await;
    let right = fleet.stories().await;
    fleet
        .execute(Of::Mypage, "UPDATE mypages SET theatre = 'Hall 2', ends_at = 5 WHERE booking_id = 1")
        .await;
    assert_eq!(fleet.kinds().await, [Kind::MypageDiffers]);
    assert_eq!(fleet.repair().await.len(), 1);
    assert_eq!(fleet.kinds().await, []);
    let mut mended = fleet.stories().await;
    mended[0].mypage.as_mut().unwrap().updated_at = right[0].mypage.as_ref().unwrap().updated_at;
    assert_eq!(mended, right);
}

#[tokio::test]
async fn rows_from_before_that_name_no_screening_are_right() {
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
async fn screening_that_was_added_without_an_end_runs_for_two_hours() {
    let fleet = at_a_screening().await;
    fleet.execute(Of::Book, "UPDATE screenings SET ends_at = NULL").await;
    assert_eq!(fleet.kinds().await, [Kind::TicketDiffers, Kind::MypageDiffers]);
    fleet.execute(Of::Ticket, "UPDATE tickets SET ends_at = 7201000000 WHERE booking_id = 1").await;
    fleet.execute(Of::Mypage, "UPDATE mypages SET ends_at = 7201000000 WHERE booking_id = 1").await;
    assert_eq!(fleet.kinds().await, []);
}

/// The first booking waits for its payment, for a long time to come.
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
async fn held_booking_that_its_customer_does_not_see_is_shown() {
    let fleet = held().await;
    let right = fleet.stories().await;
    fleet.execute(Of::Mypage, "DELETE FROM mypages WHERE booking_id = 1").await;
    assert_eq!(fleet.kinds().await, [Kind::MypageMissing]);
    assert_eq!(fleet.repair().await.len(), 1);
    let mut mended = fleet.stories().await;
    mended[0].mypage.as_mut().unwrap().updated_at = right[0].mypage.as_ref().unwrap().updated_at;
    assert_eq!(mended, right);
}

#[tokio::test]
async fn end_of_a_hold_that_its_customer_does_not_see_is_shown() {
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

/// The others were not told of it: its first attempt to pay runs, or a version before this has left it.
#[tokio::test]
async fn page_of_what_was_never_held_is_taken_away() {
    let fleet = held().await;
    fleet.execute(Of::Book, "UPDATE bookings SET held_published = 0 WHERE id = 1").await;
    assert_eq!(fleet.kinds().await, [Kind::MypageExtra]);
    assert_eq!(fleet.repair().await.len(), 1);
    assert_eq!(fleet.kinds().await, []);
}
