//! A gateway as the subject of the suite, and its clients.

use std::net::SocketAddr;
use std::time::Duration;

use desync::client::{Begun, NoAnswer, RawClient};
use desync::{Exchange, GATEWAY_BODY_MAX, Leave, Outcome, Planned, Subject, Target};
use tokio::time::timeout;

use crate::app::{Gateway, HANG};

/// How long an impatient client waits.
const SHORT: Duration = Duration::from_millis(2);
/// Maximum number of requests that a client sends before it reads the responses.
const PIPELINE_MAX: usize = 4;

pub struct Gated(Gateway);

impl Gated {
    pub async fn start(address: SocketAddr) -> Self {
        let book = format!("http://{address}");
        Self(Gateway::start([("--book-url", &book), ("--upstream-timeout-ms", "60000")]).await)
    }

    /// Sends some requests at once, and reads their responses in order.
    async fn pipeline(
        &self,
        connection: &mut Option<RawClient>,
        group: &[Planned],
        outcomes: &mut Vec<(usize, Outcome)>,
    ) {
        let mut client = match connection.take() {
            Some(client) => client,
            None => RawClient::connect(self.0.address).await.unwrap(),
        };
        // If the gateway has closed the connection, reading the response fails.
        for planned in group {
            send(&mut client, planned).await;
        }
        let mut client = Some(client);
        for planned in group {
            let outcome = match client.take() {
                Some(mut open) => {
                    let (outcome, stays_open) = answer(&mut open, planned).await;
                    client = stays_open.then_some(open);
                    outcome
                }
                None => Outcome::Lost,
            };
            outcomes.push((planned.index, outcome));
        }
        *connection = client;
    }
}

impl Subject for Gated {
    async fn lane(&self, work: Vec<Planned>) -> Vec<(usize, Outcome)> {
        let mut outcomes = Vec::with_capacity(work.len());
        let mut connection = None;
        let mut rest = &work[..];
        while !rest.is_empty() {
            let pipelined =
                rest.iter().take_while(|planned| planned.exchange.leave == Leave::Pipelines).count();
            let (group, others) = rest.split_at((pipelined + 1).min(PIPELINE_MAX).min(rest.len()));
            self.pipeline(&mut connection, group, &mut outcomes).await;
            rest = others;
        }
        outcomes
    }

    async fn stop(self) {
        self.0.stop.cancel();
        timeout(HANG, self.0.serving).await.expect("the gateway stops").unwrap();
    }
}

/// Sends a request, or half of one.
async fn send(client: &mut RawClient, planned: &Planned) {
    let exchange = &planned.exchange;
    let mut bytes = planned.request_head("cinema").into_bytes();
    let head = bytes.len();
    bytes.extend(planned.request_body());
    if exchange.leave == Leave::Sending {
        bytes.truncate(if exchange.body > 0 { head + exchange.body / 2 } else { head / 2 });
    }
    let _ = client.write(&bytes, exchange.writes).await;
    if exchange.leave == Leave::HalfClose {
        client.end().await;
    }
}

/// Reads a response. Returns the outcome, and whether the connection stays open.
async fn answer(client: &mut RawClient, planned: &Planned) -> (Outcome, bool) {
    let exchange = &planned.exchange;
    if exchange.leave == Leave::Sending {
        return (Outcome::Left, false);
    }
    let patience = if exchange.leave == Leave::Waiting { SHORT } else { HANG };
    let reading = async {
        let begun = client.begin(exchange.method).await?;
        if exchange.leave == Leave::Reading { Ok(begun) } else { client.finish(begun).await }
    };
    match timeout(patience, reading).await {
        Err(_) if exchange.leave == Leave::Waiting => (Outcome::Left, false),
        Err(_) => (Outcome::Hung, false),
        Ok(Ok(begun)) => {
            let stays_open = !begun.closes && !matches!(exchange.leave, Leave::HalfClose | Leave::Reading);
            (outcome(exchange, begun), stays_open)
        }
        Ok(Err(NoAnswer::Nonsense(what))) => (Outcome::Nonsense(what), false),
        Ok(Err(NoAnswer::Closed)) => (Outcome::Lost, false),
    }
}

/// Returns the outcome of an exchange by its response, which comes from the service or is a problem of the
/// gateway.
fn outcome(exchange: &Exchange, begun: Begun) -> Outcome {
    let answer = begun.answer;
    if exchange.target != Target::Service || answer.mark.is_some() {
        return Outcome::Answered(answer);
    }
    match answer.status {
        503 | 400 | 415 => Outcome::NotSent,
        413 if exchange.body > GATEWAY_BODY_MAX => Outcome::TooLarge,
        502 | 504 => Outcome::Failed,
        status => {
            Outcome::Nonsense(format!("{status}, which comes neither from the service nor from the gateway"))
        }
    }
}
