//! Measures how full the coming screenings are.

use std::time::Duration;

use jiff::ToSpan;
use storage::Db;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::store::screenings;

/// How often the places are counted: each time, the database reads all places of a day.
const EVERY: Duration = Duration::from_secs(30);

/// The places of the screenings that begin within a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    pub places: i64,
    /// Held or sold.
    pub taken: i64,
}

/// Updates the metrics `screening_places` and `screening_places_taken` until `stop`. While the database fails,
/// they keep their last values.
pub async fn run(db: Db, stop: CancellationToken) {
    let measuring = async {
        loop {
            if let Ok(Occupancy { places, taken }) = count(&db).await {
                metrics::gauge!("screening_places").set(places as f64);
                metrics::gauge!("screening_places_taken").set(taken as f64);
            }
            sleep(EVERY).await;
        }
    };
    tokio::select! { () = measuring => {}, () = stop.cancelled() => {} }
}

pub async fn count(db: &Db) -> Result<Occupancy, storage::Error> {
    let now = db.now();
    let (places, taken) = screenings::count_places(&mut db.read().await?, now, now + 24.hours()).await?;
    Ok(Occupancy { places, taken })
}
