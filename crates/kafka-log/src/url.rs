//! The URL of a topic.

use std::fmt;

/// `kafka://<host>:<port>[,<host>:<port>]/<topic>`: the first brokers to contact, and the events' topic.
#[derive(Clone, Debug)]
pub struct KafkaUrl {
    /// Each `<host>:<port>`; at least one.
    pub brokers: Vec<String>,
    pub topic: String,
}

impl fmt::Display for KafkaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka://{}/{}", self.brokers.join(","), self.topic)
    }
}

impl KafkaUrl {
    /// Parses the URL of a topic; `None` if `url` is none.
    pub fn parse(url: &str) -> Option<Self> {
        let (brokers, topic) = url.strip_prefix("kafka://")?.split_once('/')?;
        let is_broker = |broker: &str| {
            broker.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && !host.contains('@') && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        };
        // Kafka's rules for names, with room for the suffix of the dead letters.
        let is_topic = (1..=200).contains(&topic.len())
            && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && topic.bytes().any(|byte| byte != b'.');
        (is_topic && brokers.split(',').all(is_broker)).then(|| Self {
            brokers: brokers.split(',').map(str::to_owned).collect(),
            topic: topic.to_owned(),
        })
    }
}
