//! The number of statements for a paid booking: each is a round trip to a database server.

use test_kit::scratch::statements_of;

use crate::app::{App, booked};

/// BEGIN, the inbox, the ticket, its event, COMMIT.
const ISSUING: u64 = 5;

#[tokio::test]
async fn issuing_a_ticket_takes_five_statements() {
    let app = App::new().await;
    let ((), issuing) = statements_of(&app.scratch.db, app.deliver(booked(7))).await;
    assert_eq!(issuing, ISSUING);
    app.settled().await;
}
