//! Applies events to the view and its timelines.

use std::collections::BTreeMap;

use events::BookingId;
use messaging::Delivery;
use storage::{Error, Tx};

use super::StepOutcome;
use crate::domain::{Mypage, timeline_position};
use crate::store::{View, mypages, rebuilds, timeline};

/// Applies `deliveries` to the view and, during a rebuild, to its shadow. Events that are in no timeline
/// change nothing. A batch takes as many statements as a single event.
pub async fn apply_events(tx: &mut Tx, deliveries: &[Delivery]) -> Result<(), Error> {
    write(tx, View::Shown, deliveries).await?;
    // This is checked after the view is written: from then on, its tables cannot be swapped until `tx` ends.
    if rebuilds::is_shadow_open(tx).await? {
        write(tx, View::Shadow, deliveries).await?;
    }
    Ok(())
}

/// Applies `deliveries` from the event log to the shadow alone; consumers apply them to the view.
pub async fn replay_events(tx: &mut Tx, deliveries: &[Delivery]) -> Result<StepOutcome, Error> {
    write(tx, View::Shadow, deliveries).await?;
    Ok(StepOutcome::Done)
}

async fn write(tx: &mut Tx, view: View, deliveries: &[Delivery]) -> Result<(), Error> {
    let mut stories = BTreeMap::<BookingId, Vec<&Delivery>>::new();
    for delivery in deliveries {
        if timeline_position(delivery.event.event_type()).is_some() {
            stories.entry(delivery.event.booking_id()).or_default().push(delivery);
        }
    }
    let unknown: Vec<_> = stories.iter().map(|(id, story)| Mypage::unknown(*id, story[0].at)).collect();
    let known = mypages::find_or_insert_for_update(tx, view, &unknown).await?;
    let changed: Vec<_> = known
        .into_iter()
        .map(|mypage| {
            let story = &stories[&mypage.booking_id];
            story.iter().fold(mypage, |mypage, delivery| mypage.after(&delivery.event, delivery.at))
        })
        .collect();
    mypages::update(tx, view, &changed).await?;

    // The earlier of two events of one type counts, and a statement may change a row only once.
    let mut entries = timeline::Entries::new();
    for Delivery { event, at, .. } in stories.values().flatten() {
        let entry = entries.entry((event.booking_id(), event.event_type())).or_insert(*at);
        *entry = (*entry).min(*at);
    }
    timeline::add(tx, view, &entries).await
}
