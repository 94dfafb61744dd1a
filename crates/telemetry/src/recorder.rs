//! The process-wide recorder of metrics.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::sleep;

use crate::outage;

/// Upper bounds of the latency histograms, in seconds. The objective for bookings needs the one of 1.5 s.
const LATENCY_BUCKETS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0];

/// A histogram keeps every value until upkeep counts the values into their buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Installs the recorder. A handle of a metric that was created earlier records nothing.
pub fn record() {
    recorder();
}

/// Returns the text of `/metrics`.
pub fn render_metrics() -> String {
    let recorder = recorder();
    recorder.run_upkeep();
    recorder.render()
}

/// Bounds the memory of the recorder in a process whose `/metrics` is never scraped, and logs lasting outages
/// again. Runs until the process ends.
pub async fn upkeep() {
    loop {
        sleep(UPKEEP_INTERVAL).await;
        recorder().run_upkeep();
        outage::remind();
    }
}

fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS)
            .expect("the bucket list is not empty")
            .install_recorder()
            .expect("nothing else installs a recorder")
    })
}
