//! Creating missing topics.

use std::sync::Arc;
use std::time::Duration;

use event_log::TransportError;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::client::{Client, KafkaConnection, config};
use crate::condition::{Aspect, Condition, Fault};

/// Maximum wait for a response of the brokers.
const DEADLINE: Duration = Duration::from_secs(10);
/// The number of replicas that the brokers are configured to create.
const BROKER_DEFAULT: TopicReplication<'static> = TopicReplication::Fixed(-1);

type Admin = Client<AdminClient<DefaultClientContext>>;

#[derive(Debug, thiserror::Error)]
enum TopicError {
    #[error(transparent)]
    Client(#[from] KafkaError),
    #[error("the brokers do not report whether the topics exist")]
    NoAnswer(#[source] KafkaError),
    #[error("the topic {0} does not exist, and the broker refuses to create it: {1}")]
    Refused(String, RDKafkaErrorCode),
    #[error("{0}")]
    Forbidden(String),
}

const CLIENT: &str = "topics";

/// Creates the missing ones of `topics`, each a name and a number of partitions.
pub async fn create(
    connection: &KafkaConnection,
    condition: &Condition,
    topics: &[(String, u16)],
) -> Result<(), TransportError> {
    create_missing(connection, condition, topics).await.map_err(TransportError::new)?;
    condition.works(CLIENT, Aspect::Permission);
    Ok(())
}

async fn create_missing(
    connection: &KafkaConnection,
    condition: &Condition,
    topics: &[(String, u16)],
) -> Result<(), TopicError> {
    let admin = config(connection).create()?;
    let admin: Arc<Admin> = Arc::new(Client::new(admin));
    let new: Vec<_> = topics
        .iter()
        .map(|(name, partitions)| {
            // A view is rebuilt from the first event, and a dead letter waits for an operator.
            NewTopic::new(name, i32::from(*partitions), BROKER_DEFAULT).set("retention.ms", "-1")
        })
        .collect();
    let options = AdminOptions::new().request_timeout(Some(DEADLINE)).operation_timeout(Some(DEADLINE));
    let outcomes = admin.create_topics(&new, &options).await;
    for outcome in outcomes.map_err(TopicError::NoAnswer)? {
        match outcome {
            Ok(name) => tracing::info!(name, "created the topic"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            // Without the permission to create topics, the broker refuses even an existing one.
            Err((name, refusal)) => {
                if !exists(admin.clone(), name.clone()).await {
                    return Err(refused(connection.security.user(), condition, name, refusal));
                }
            }
        }
    }
    Ok(())
}

/// Records that the broker refuses to create `topic`.
fn refused(user: &str, condition: &Condition, topic: String, refusal: RDKafkaErrorCode) -> TopicError {
    use RDKafkaErrorCode::{ClusterAuthorizationFailed, TopicAuthorizationFailed};
    match refusal {
        TopicAuthorizationFailed | ClusterAuthorizationFailed => {
            let operation = format!("CREATE topic {topic}, or to DESCRIBE it if it exists");
            TopicError::Forbidden(condition.forbidden(CLIENT, user, &operation))
        }
        _ => {
            let error = TopicError::Refused(topic, refusal);
            condition.fails(CLIENT, Aspect::Permission, Fault::alarm(error.to_string()));
            error
        }
    }
}

async fn exists(admin: Arc<Admin>, name: String) -> bool {
    let fetch = move || {
        let metadata = admin.inner().fetch_metadata(Some(&name), DEADLINE)?;
        // A topic that was created a moment ago has no leader yet.
        let is_there = |error| matches!(error, None | Some(RDKafkaErrorCode::LeaderNotAvailable));
        let topics = metadata.topics().iter();
        Ok::<_, KafkaError>(topics.map(|topic| topic.error().map(Into::into)).any(is_there))
    };
    matches!(tokio::task::spawn_blocking(fetch).await, Ok(Ok(true)))
}
