//! Where the brokers are, and which topic has the events.

use std::fmt;
use std::str::FromStr;

/// Brokers to ask for the others, and the topic of the events.
#[derive(Clone, Debug)]
pub struct KafkaUrl {
    /// Each `<host>:<port>`; at least one.
    pub brokers: Vec<String>,
    pub topic: String,
}

/// The text is no URL of a topic.
#[derive(Debug, thiserror::Error)]
#[error("must be kafka://<host>:<port>[,<host>:<port>]/<topic>")]
pub struct InvalidKafkaUrl;

impl fmt::Display for KafkaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka://{}/{}", self.brokers.join(","), self.topic)
    }
}

impl FromStr for KafkaUrl {
    type Err = InvalidKafkaUrl;

    fn from_str(url: &str) -> Result<Self, InvalidKafkaUrl> {
        url.strip_prefix("kafka://").and_then(parse).ok_or(InvalidKafkaUrl)
    }
}

/// What follows `kafka://`.
fn parse(rest: &str) -> Option<KafkaUrl> {
    let (brokers, topic) = rest.split_once('/')?;
    let is_broker = |broker: &str| {
        broker.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains('@') && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    };
    // What Kafka takes as a name, with room for the suffix of the dead letters.
    let is_topic = (1..=200).contains(&topic.len())
        && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && topic.bytes().any(|byte| byte != b'.');
    (is_topic && brokers.split(',').all(is_broker)).then(|| KafkaUrl {
        brokers: brokers.split(',').map(str::to_owned).collect(),
        topic: topic.to_owned(),
    })
}
