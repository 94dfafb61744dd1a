//! What a paid booking costs ticket's database: each statement is a round trip to a server.

use test_kit::scratch::statements_of;

use crate::app::{App, booked};

/// BEGIN, the inbox, the ticket, its event, COMMIT.
const ISSUING: u64 = 5;

#[tokio::test]
async fn ticket_of_a_booking_takes_five_statements() {
    let app = App::new().await;
    let ((), issuing) = statements_of(&app.scratch.db, app.deliver(booked(7))).await;
    assert_eq!(issuing, ISSUING);
    app.settled().await;
}
