//! Measures the connections to a database.

use std::time::Duration;

use storage::Db;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often the metrics are updated.
const EVERY: Duration = Duration::from_secs(1);

/// Updates the metrics `db_connections_in_use` and `db_connections_max` of each pool of `db` until `stop`.
pub async fn keep_measuring(db: Db, stop: CancellationToken) {
    let measuring = async {
        loop {
            for (pool, connections) in db.connections() {
                metrics::gauge!("db_connections_in_use", "pool" => pool).set(f64::from(connections.in_use));
                metrics::gauge!("db_connections_max", "pool" => pool).set(f64::from(connections.max));
            }
            sleep(EVERY).await;
        }
    };
    tokio::select! { () = measuring => {}, () = stop.cancelled() => {} }
}
