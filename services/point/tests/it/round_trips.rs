//! What a paid booking costs point's database: each statement is a round trip to a server.

use test_kit::scratch::statements_of;

use crate::app::{App, created};

/// BEGIN, the inbox, the look for granted points, the waiting row, its event, COMMIT.
const WAITING: u64 = 6;
/// A server also locks the booking.
const LOCKS: u64 = 1;

#[tokio::test]
async fn points_that_wait_take_six_statements() {
    let app = App::new().await;
    let ((), waiting) = statements_of(&app.scratch.db, app.deliver(created(7))).await;
    let locks = if app.scratch.db.is_shared() { LOCKS } else { 0 };
    assert_eq!(waiting, WAITING + locks);
    app.settled().await;
}
