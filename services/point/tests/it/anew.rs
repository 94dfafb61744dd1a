//! An event log that was deleted and created again.

use messaging::Relay;
use messaging::incarnation::{check, current};
use storage::query;

use crate::app::{App, created};

#[tokio::test]
async fn outbox_is_resent_once_after_the_log_was_created_again() {
    let app = App::new().await;
    app.deliver(created(1)).await;
    app.deliver(created(2)).await;
    let (db, transport) = (app.scratch.db.clone(), app.scratch.transport.clone());
    let relay = Relay::new(db.clone(), transport.clone());
    let events = relay.drain().await.unwrap();
    assert!(events > 0);
    // A broker that has just created the topic may not know its leaders yet.
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
