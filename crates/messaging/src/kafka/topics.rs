//! Topics are made when they are missing.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::Client;
use crate::transport::TransportError;

/// Longest wait for the brokers.
const DEADLINE: Duration = Duration::from_secs(10);
/// As many replicas as the brokers are configured to make.
const BROKER_DEFAULT: TopicReplication<'static> = TopicReplication::Fixed(-1);

type Admin = Client<AdminClient<DefaultClientContext>>;

#[derive(Debug, thiserror::Error)]
enum TopicError {
    #[error("the brokers do not say whether the topics are there")]
    NoAnswer(#[source] KafkaError),
    #[error("the topic {0} is not there, and the broker does not let it be made: {1}")]
    Refused(String, RDKafkaErrorCode),
}

/// Makes those of `topics` (with their number of partitions) that are missing.
pub async fn create(config: &ClientConfig, topics: &[(String, u16)]) -> Result<(), TransportError> {
    let admin = config.create().map_err(TransportError::new)?;
    let admin: Arc<Admin> = Arc::new(Client::new(admin));
    let new: Vec<_> = topics
        .iter()
        .map(|(name, partitions)| NewTopic::new(name, i32::from(*partitions), BROKER_DEFAULT))
        .collect();
    let options = AdminOptions::new().request_timeout(Some(DEADLINE)).operation_timeout(Some(DEADLINE));
    let outcomes = admin.create_topics(&new, &options).await;
    for outcome in outcomes.map_err(|error| TransportError::new(TopicError::NoAnswer(error)))? {
        match outcome {
            Ok(name) => tracing::info!(name, "made the topic"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            // Who may not make topics is told so even of one that is there.
            Err((name, refusal)) => {
                if !exists(admin.clone(), name.clone()).await {
                    return Err(TransportError::new(TopicError::Refused(name, refusal)));
                }
            }
        }
    }
    Ok(())
}

async fn exists(admin: Arc<Admin>, name: String) -> bool {
    let look = move || {
        let metadata = admin.inner().fetch_metadata(Some(&name), DEADLINE)?;
        Ok::<_, KafkaError>(metadata.topics().iter().any(|topic| topic.error().is_none()))
    };
    matches!(tokio::task::spawn_blocking(look).await, Ok(Ok(true)))
}
