//! The number of statements for a paid booking: each is a round trip to a database server.

use test_kit::fleet::record;
use test_kit::scratch::statements_of;

use crate::app::{App, booked, created, paid, waited_point};

/// BEGIN, the inbox, the rows before and after, their timelines, the check for a rebuild, COMMIT.
const BATCH: u64 = 7;

#[tokio::test]
async fn batch_of_four_events_takes_as_many_statements_as_one_event() {
    let app = App::new().await;
    let story = |id| [paid(id).into(), booked(id).into(), created(id).into(), waited_point(id).into()];
    let batch = story(1).map(|event| record(&event));
    let (applied, together) = statements_of(&app.scratch.db, app.consumer.apply_together(&batch)).await;
    applied.unwrap();
    let mut alone = Vec::new();
    for event in story(2) {
        let ((), one) = statements_of(&app.scratch.db, app.deliver(event)).await;
        alone.push(one);
    }
    assert_eq!((together, alone), (BATCH, vec![BATCH; 4]));
    app.settled().await;
}
