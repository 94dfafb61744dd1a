//! Topics are made when they are missing.

use std::sync::Arc;
use std::time::Duration;

use event_log::TransportError;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::client::{Client, KafkaConnection, config};
use crate::condition::{Aspect, Condition, Fault};

/// Longest wait for the brokers.
const DEADLINE: Duration = Duration::from_secs(10);
/// As many replicas as the brokers are configured to make.
const BROKER_DEFAULT: TopicReplication<'static> = TopicReplication::Fixed(-1);

type Admin = Client<AdminClient<DefaultClientContext>>;

#[derive(Debug, thiserror::Error)]
enum TopicError {
    #[error(transparent)]
    Client(KafkaError),
    #[error("the brokers do not say whether the topics are there")]
    NoAnswer(#[source] KafkaError),
    #[error("the topic {0} is not there, and the broker does not let it be made: {1}")]
    Refused(String, RDKafkaErrorCode),
    #[error("{0}")]
    Forbidden(String),
}

const CLIENT: &str = "topics";

/// Makes those of `topics` (with their number of partitions) that are missing.
pub async fn create(
    connection: &KafkaConnection,
    condition: &Condition,
    topics: &[(String, u16)],
) -> Result<(), TransportError> {
    let outcome = create_missing(connection, condition, topics).await;
    match &outcome {
        Ok(()) => condition.works(CLIENT, Aspect::Permission),
        Err(error @ TopicError::Refused(..)) => {
            condition.fails(CLIENT, Aspect::Permission, Fault::forbidden(error.to_string()));
        }
        // Told already; that there is no connection, by the producer.
        Err(TopicError::Forbidden(_) | TopicError::NoAnswer(_) | TopicError::Client(_)) => {}
    }
    outcome.map_err(TransportError::new)
}

async fn create_missing(
    connection: &KafkaConnection,
    condition: &Condition,
    topics: &[(String, u16)],
) -> Result<(), TopicError> {
    let admin = config(connection).create().map_err(TopicError::Client)?;
    let admin: Arc<Admin> = Arc::new(Client::new(admin));
    let new: Vec<_> = topics
        .iter()
        .map(|(name, partitions)| {
            // A view is made anew from the first event on, and a dead letter waits until someone has looked at it.
            NewTopic::new(name, i32::from(*partitions), BROKER_DEFAULT).set("retention.ms", "-1")
        })
        .collect();
    let options = AdminOptions::new().request_timeout(Some(DEADLINE)).operation_timeout(Some(DEADLINE));
    let outcomes = admin.create_topics(&new, &options).await;
    for outcome in outcomes.map_err(TopicError::NoAnswer)? {
        match outcome {
            Ok(name) => tracing::info!(name, "made the topic"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            // Who may not make topics is told so even of one that is there.
            Err((name, refusal)) => {
                if !exists(admin.clone(), name.clone()).await {
                    return Err(refused(connection.security.user(), condition, name, refusal));
                }
            }
        }
    }
    Ok(())
}

fn refused(user: &str, condition: &Condition, topic: String, refusal: RDKafkaErrorCode) -> TopicError {
    use RDKafkaErrorCode::{ClusterAuthorizationFailed, TopicAuthorizationFailed};
    match refusal {
        TopicAuthorizationFailed | ClusterAuthorizationFailed => {
            let operation = format!("CREATE topic {topic}, or to DESCRIBE it if it is there");
            TopicError::Forbidden(condition.is_forbidden(CLIENT, user, &operation))
        }
        _ => TopicError::Refused(topic, refusal),
    }
}

async fn exists(admin: Arc<Admin>, name: String) -> bool {
    let look = move || {
        let metadata = admin.inner().fetch_metadata(Some(&name), DEADLINE)?;
        Ok::<_, KafkaError>(metadata.topics().iter().any(|topic| topic.error().is_none()))
    };
    matches!(tokio::task::spawn_blocking(look).await, Ok(Ok(true)))
}
