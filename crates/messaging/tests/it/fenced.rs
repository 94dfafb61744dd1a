//! A cluster that briefly reports that it has no brokers, because its controller has fenced the only one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use events::TOPIC;
use messaging::{Consumer, EventLog, connect};
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::consumer::{Scribe, event, seen, seen_table};
use crate::log::Files;

/// The name of the consumer, and of its client.
const NAME: &str = "test";
/// Longer than a client without brokers waits before it asks for them again, which is one second.
const SILENCE: Duration = Duration::from_secs(4);
/// Enough responses: every few of them silence a client of librdkafka 2.12.
const MANY: usize = 50;
/// Several times the expected duration.
const LONGEST_WAIT: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn consumer_recovers_after_its_cluster_had_no_broker() {
    let Some(files) = Files::kafka() else { return };
    let (broker, topic) = files.broker_and_topic();
    let wire = Wire::to(broker).await;
    let through_the_wire: EventLog = format!("kafka://{}/{topic}", wire.address).parse().unwrap();

    let db = files.db(&seen_table()).await;
    let transport = connect(&through_the_wire).await.unwrap();
    let consumer = Consumer::new(NAME, db.clone(), transport, Scribe::default());
    let mut applied = consumer.applied();
    let stop = CancellationToken::new();
    let running = tokio::spawn(consumer.run(stop.clone()));

    let direct = files.transport().await;
    let mut is_applied = async |id| {
        direct.publish(TOPIC, &[event(id, &id.to_string())]).await.unwrap();
        while seen(&db).await.last() != Some(&id) {
            timeout(LONGEST_WAIT, applied.changed()).await.expect("events are applied").unwrap();
        }
    };
    is_applied(1).await;
    wire.hide_the_broker().await;
    is_applied(2).await;
    stop.cancel();
    running.await.unwrap();
}

/// A proxy for a broker. Responses name the proxy as the broker, or no broker while it is hidden.
struct Wire {
    address: SocketAddr,
    is_hidden: watch::Sender<bool>,
    /// The number of responses without a broker that the consumer has received.
    denials: watch::Sender<usize>,
}

impl Wire {
    async fn to(broker: &str) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let wire = Self { address, is_hidden: watch::Sender::new(false), denials: watch::Sender::new(0) };
        let wire = Arc::new(wire);
        tokio::spawn(wire.clone().accept(listener, broker.to_owned()));
        wire
    }

    /// Hides the broker until the consumer stops asking, which a healthy client would never do.
    async fn hide_the_broker(&self) {
        self.is_hidden.send_replace(true);
        let mut denials = self.denials.subscribe();
        denials.changed().await.unwrap();
        while *denials.borrow_and_update() < MANY && timeout(SILENCE, denials.changed()).await.is_ok() {}
        self.is_hidden.send_replace(false);
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, broker: String) -> io::Result<()> {
        loop {
            let (near_in, near_out) = listener.accept().await?.0.into_split();
            let (far_in, far_out) = TcpStream::connect(&broker).await?.into_split();
            let asked = Asked::default();
            tokio::spawn(forward_requests(near_in, far_out, asked.clone()));
            tokio::spawn(self.clone().forward_answers(far_in, near_out, asked));
        }
    }

    async fn forward_answers(
        self: Arc<Self>,
        mut far: OwnedReadHalf,
        mut near: OwnedWriteHalf,
        asked: Asked,
    ) -> io::Result<()> {
        loop {
            let mut answer = read_frame(&mut far).await?;
            let question = asked.lock().unwrap().remove(&answer[..CORRELATION_ID]);
            match question {
                Some(Question::Metadata { by_consumer }) if by_consumer && *self.is_hidden.borrow() => {
                    answer = denial(&answer);
                    self.denials.send_modify(|denials| *denials += 1);
                }
                Some(Question::Metadata { .. }) => move_brokers(&mut answer, self.address),
                Some(Question::Coordinator) => {
                    let port = answer.len() - PORT;
                    answer[port..].copy_from_slice(&port_of(self.address));
                }
                None => {}
            }
            write_frame(&mut near, &answer).await?;
        }
    }
}

/// A request whose response contains the addresses of brokers.
enum Question {
    Metadata { by_consumer: bool },
    Coordinator,
}

/// The pending questions by their correlation ids.
type Asked = Arc<Mutex<HashMap<Vec<u8>, Question>>>;

// Sizes in Kafka's protocol: https://kafka.apache.org/protocol
const CORRELATION_ID: usize = 4;
const THROTTLE_TIME: usize = 4;
const NODE_ID: usize = 4;
const PORT: usize = 4;
const ERROR_CODE: usize = 2;
/// The size of an empty list of tagged fields.
const TAGS: usize = 1;

async fn forward_requests(mut near: OwnedReadHalf, mut far: OwnedWriteHalf, asked: Asked) -> io::Result<()> {
    loop {
        let request = read_frame(&mut near).await?;
        let number = |at: usize| i16::from_be_bytes([request[at], request[at + 1]]);
        let (api, version, client_length) = (number(0), number(2), usize::try_from(number(8)).unwrap_or(0));
        let question = match (api, version) {
            (3, 13) => {
                let client = &request[10..10 + client_length];
                Some(Question::Metadata { by_consumer: client == NAME.as_bytes() })
            }
            (10, ..=2) => Some(Question::Coordinator),
            (3 | 10, _) => panic!("unknown version {version} of API {api}"),
            _ => None,
        };
        if let Some(question) = question {
            asked.lock().unwrap().insert(request[4..4 + CORRELATION_ID].to_vec(), question);
        }
        write_frame(&mut far, &request).await?;
    }
}

/// Sets the address of all brokers in a metadata response to `address`.
fn move_brokers(answer: &mut [u8], address: SocketAddr) {
    for port in brokers(answer).1 {
        answer[port..port + PORT].copy_from_slice(&port_of(address));
    }
}

/// The metadata response `answer` without brokers. It repeats its topics, because the race in the client
/// depends on how long it parses the response.
fn denial(answer: &[u8]) -> Vec<u8> {
    let (brokers, _) = brokers(answer);
    let cluster_id = usize::from(answer[brokers.end]).max(1);
    let topics = brokers.end + cluster_id + NODE_ID;
    let end = answer.len() - ERROR_CODE - TAGS;
    let (count, entries) = (answer[topics] - 1, &answer[topics + 1..end]);
    let times = 100 / count.max(1);
    let mut denial = answer[..brokers.start].to_vec();
    denial.push(1);
    denial.extend(&answer[brokers.end..topics]);
    denial.push(count * times + 1);
    denial.extend(entries.repeat(times.into()));
    denial.extend(&answer[end..]);
    denial
}

/// The range of the list of brokers in a metadata response, and the offset of each port.
fn brokers(answer: &[u8]) -> (Range<usize>, Vec<usize>) {
    let begin = CORRELATION_ID + TAGS + THROTTLE_TIME;
    let mut ports = Vec::new();
    let mut at = begin + 1;
    // Compact lengths are encoded as the length plus one; all lengths here fit into one byte.
    for _ in 1..answer[begin] {
        at += NODE_ID;
        at += usize::from(answer[at]); // The host.
        ports.push(at);
        at += PORT;
        at += usize::from(answer[at]).max(1); // The rack, which may be null.
        at += TAGS;
    }
    (begin..at, ports)
}

fn port_of(address: SocketAddr) -> [u8; PORT] {
    i32::from(address.port()).to_be_bytes()
}

async fn read_frame(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut frame = vec![0; usize::try_from(length).unwrap()];
    from.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn write_frame(to: &mut OwnedWriteHalf, frame: &[u8]) -> io::Result<()> {
    to.write_u32(u32::try_from(frame.len()).unwrap()).await?;
    to.write_all(frame).await
}
