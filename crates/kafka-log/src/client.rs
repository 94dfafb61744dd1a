//! What all clients of librdkafka have in common.

use std::ops::Deref;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use tokio::runtime::Handle;

use crate::security::KafkaSecurity;
use crate::url::KafkaUrl;

/// A process that ends waits for its clients no longer than this.
const LONGEST_CLOSE: Duration = Duration::from_secs(5);

/// Where the brokers are, and how to speak to them.
#[derive(Clone, Debug)]
pub struct KafkaConnection {
    pub url: KafkaUrl,
    /// The name by which a group knows this process again after a restart, if it has one (KIP-345).
    pub group_instance_id: Option<String>,
    pub security: KafkaSecurity,
}

/// What all clients have in common.
pub(crate) fn config(connection: &KafkaConnection) -> ClientConfig {
    let mut config = ClientConfig::new();
    connection.security.apply(&mut config);
    config
        .set("bootstrap.servers", connection.url.brokers.join(","))
        .set("socket.keepalive.enable", "true")
        // A broker that takes requests and never answers is given up after this, and not after a minute.
        .set("socket.timeout.ms", "10000")
        // A broker that comes back is found within seconds …
        .set("reconnect.backoff.max.ms", "2000")
        // … and so is a topic that was made a moment ago, or got more partitions.
        .set("topic.metadata.refresh.interval.ms", "10000")
        // They also tell that a broker is back.
        .set("statistics.interval.ms", "5000")
        .set_log_level(RDKafkaLogLevel::Info);
    config
}

/// A client of librdkafka. To drop one waits for the broker, so that is done off the async threads. The runtime does not
/// end before it is done, as the last positions are committed in there; but it does not wait for a broker that is away.
///
/// A consumer that had positions under way when it lost all its brokers for good (see `pulse`) waits for them in there as
/// long as the process lives, with its threads: the crate rdkafka has no call that ends it.
pub(crate) struct Client<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Client<T> {
    pub fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> Deref for Client<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for Client<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || {
                let (done, closed) = mpsc::channel::<()>();
                thread::spawn(move || {
                    drop(client);
                    drop(done);
                });
                // Either error will do: closed, or late.
                let _ = closed.recv_timeout(LONGEST_CLOSE);
            });
        }
    }
}
