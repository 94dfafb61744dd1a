//! The number of statements for a new ticket: each is a round trip to a database server.

use test_kit::scratch::statements_of;

use crate::app::{App, created};

/// BEGIN, the inbox, the check for granted points, the waiting row, its event, COMMIT.
const WAITING: u64 = 6;
/// A server also locks the booking.
const LOCKS: u64 = 1;

#[tokio::test]
async fn waiting_row_takes_six_statements() {
    let app = App::new().await;
    let ((), waiting) = statements_of(&app.scratch.db, app.deliver(created(7))).await;
    let locks = if app.scratch.db.is_shared() { LOCKS } else { 0 };
    assert_eq!(waiting, WAITING + locks);
    app.settled().await;
}
