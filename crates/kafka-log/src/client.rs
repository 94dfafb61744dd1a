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

/// Maximum time that an ending process waits for one client to close.
const LONGEST_CLOSE: Duration = Duration::from_secs(5);

/// How to connect to a cluster.
#[derive(Clone, Debug)]
pub struct KafkaConnection {
    pub url: KafkaUrl,
    /// The name by which a group recognizes this process after a restart, if it has one (KIP-345).
    pub group_instance_id: Option<String>,
    pub security: KafkaSecurity,
}

/// The settings that all clients share.
pub(crate) fn config(connection: &KafkaConnection) -> ClientConfig {
    let mut config = ClientConfig::new();
    connection.security.apply(&mut config);
    config
        .set("bootstrap.servers", connection.url.brokers.join(","))
        .set("socket.keepalive.enable", "true")
        // The default is a minute, for a broker that accepts requests and never answers.
        .set("socket.timeout.ms", "10000")
        // A client finds a broker that comes back within seconds …
        .set("reconnect.backoff.max.ms", "2000")
        // … and also a topic that was created a moment ago, or that got more partitions.
        .set("topic.metadata.refresh.interval.ms", "10000")
        // The statistics also show that a broker is back.
        .set("statistics.interval.ms", "5000")
        .set_log_level(RDKafkaLogLevel::Info);
    config
}

/// The settings of a client that reads a topic outside of every group.
pub(crate) fn reader_config(connection: &KafkaConnection, client: &str) -> ClientConfig {
    let mut config = config(connection);
    config
        .set("client.id", client)
        // librdkafka requires a group. The reader never joins it and commits no positions.
        .set("group.id", client)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // The last offsets of a partition may hold no records, as after compaction or a transaction, so a
        // reader cannot recognize the end by them.
        .set("enable.partition.eof", "true")
        .set("statistics.interval.ms", "0")
        .set("fetch.queue.backoff.ms", "20");
    config
}

/// A client of librdkafka that does not block the runtime when it is dropped.
///
/// Dropping a client waits for the broker, so it happens on a blocking thread. The runtime waits for that
/// thread, because a consumer commits its last positions there, but not longer than [`LONGEST_CLOSE`].
///
/// A consumer that lost all its brokers for good while commits were in flight (see `stall`) never closes: it
/// keeps its threads as long as the process lives, because the crate rdkafka has no call that ends it.
pub(crate) struct Client<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Client<T> {
    pub fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> Deref for Client<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only `drop` takes the client")
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
                // An error means that the client is closed, or that the time is over.
                let _ = closed.recv_timeout(LONGEST_CLOSE);
            });
        }
    }
}
