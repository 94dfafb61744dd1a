//! Records as librdkafka delivers them.

use event_log::{Position, Received, Record};
use jiff::Timestamp;
use rdkafka::message::{BorrowedMessage, Headers, Message};

/// Converts a message. Keys and headers are text; other producers may write other bytes, which are replaced.
pub fn received(message: &BorrowedMessage<'_>) -> Received {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Received {
        record: Record {
            key: message.key().map(text),
            payload: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.key.to_owned(), header.value.map(text).unwrap_or_default()))
                .collect(),
        },
        position: Position { partition: message.partition(), offset: message.offset() },
        // Only records from before Kafka 0.10 have none.
        appended_at: message
            .timestamp()
            .to_millis()
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
            .unwrap_or_default(),
    }
}
