//! Events have come: the view changes, and its stories grow.

use std::collections::BTreeMap;

use events::BookingId;
use messaging::Delivery;
use storage::{Error, Tx};

use super::Taken;
use crate::domain::{Mypage, chapter};
use crate::store::{View, mypages, rebuilds, timeline};

/// Remembers all of `deliveries`, and while a rebuild is under way, for it as well. Those that tell a customer nothing leave
/// no trace. A batch costs as many statements as a single event.
pub async fn remember_events(tx: &mut Tx, deliveries: &[Delivery]) -> Result<(), Error> {
    write(tx, View::Shown, deliveries).await?;
    // Not before: the tables that were written cannot change places any more.
    if rebuilds::is_telling(tx).await? {
        write(tx, View::Shadow, deliveries).await?;
    }
    Ok(())
}

/// Tells a rebuild of `deliveries`, which the view has seen, or will see.
pub async fn retell_events(tx: &mut Tx, deliveries: &[Delivery]) -> Result<Taken, Error> {
    write(tx, View::Shadow, deliveries).await?;
    Ok(Taken::Done)
}

async fn write(tx: &mut Tx, view: View, deliveries: &[Delivery]) -> Result<(), Error> {
    let mut stories = BTreeMap::<BookingId, Vec<&Delivery>>::new();
    for delivery in deliveries {
        if chapter(delivery.event.event_type()).is_some() {
            stories.entry(delivery.event.booking_id()).or_default().push(delivery);
        }
    }
    let unknown: Vec<_> = stories.iter().map(|(id, story)| Mypage::unknown(*id, story[0].at)).collect();
    let known = mypages::find_or_insert_for_update(tx, view, &unknown).await?;
    let told: Vec<_> = known
        .into_iter()
        .map(|mypage| {
            let story = &stories[&mypage.booking_id];
            story.iter().fold(mypage, |mypage, told| mypage.after(&told.event, told.at))
        })
        .collect();
    mypages::update(tx, view, &told).await?;

    // Of two events of one type the earlier counts, and one statement may touch a row only once.
    let mut entries = timeline::Entries::new();
    for Delivery { event, at, .. } in stories.values().flatten() {
        let entry = entries.entry((event.booking_id(), event.event_type())).or_insert(*at);
        *entry = (*entry).min(*at);
    }
    timeline::add(tx, view, &entries).await
}
