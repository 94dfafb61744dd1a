//! A log that was made anew, on the database that this service is on.

use messaging::Relay;
use messaging::incarnation::{check, current};
use storage::query;

use crate::app::{App, created};

#[tokio::test]
async fn outbox_is_sent_again_once_when_the_log_begins_with_another_record() {
    let app = App::new().await;
    app.deliver(created(1)).await;
    app.deliver(created(2)).await;
    let (db, transport) = (app.scratch.db.clone(), app.scratch.transport.clone());
    let relay = Relay::new(db.clone(), transport.clone());
    let events = relay.drain().await.unwrap();
    assert!(events > 0);
    // A broker that has made the topic a moment ago may not know its leaders yet.
    while check(&db, transport.as_ref(), "point").await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(relay.resend().await.unwrap(), 0);

    let mut tx = db.begin().await.unwrap();
    tx.execute(query("UPDATE log_partitions SET first_at = first_at - 1000000")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(check(&db, transport.as_ref(), "point").await.unwrap(), 2);
    assert_eq!(relay.resend().await.unwrap(), events as u64);
    assert_eq!(relay.drain().await.unwrap(), events);
    assert_eq!(check(&db, transport.as_ref(), "point").await.unwrap(), 2);
    assert_eq!(relay.resend().await.unwrap(), 0);
    assert_eq!(current(&db, transport.as_ref()).await.unwrap(), 2);
    app.settled().await;
}
