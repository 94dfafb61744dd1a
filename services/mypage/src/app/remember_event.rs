//! An event has come: the view changes, and its story grows.

use events::Event;
use jiff::Timestamp;
use storage::{Error, Tx};

use crate::domain::chapter;
use crate::store::{mypages, timeline};

/// Remembers `event`, which happened at `at`. Events that tell a customer nothing leave no trace.
///
/// # Errors
///
/// When the database fails.
pub async fn remember_event(tx: &mut Tx, event: &Event, at: Timestamp) -> Result<(), Error> {
    if chapter(event.event_type()).is_none() {
        return Ok(());
    }
    let id = event.booking_id();
    let mypage = mypages::find_or_insert_for_update(tx, id, at).await?;
    mypages::update(tx, &mypage.after(event, at)).await?;
    timeline::add(tx, id, event.event_type(), at).await
}
