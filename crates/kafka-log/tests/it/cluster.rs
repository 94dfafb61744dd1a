//! Records, histories and members on a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use event_log::{Record, Transport, last_positions};
use events::TOPIC;
use kafka_log::KafkaUrl;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::records::{assert_complete, number, read, read_all, record, records};
use crate::topic::{Topic, open};

const EVENTS: usize = 20_000;

#[tokio::test]
async fn unreachable_broker_fails_requests_but_not_the_start() {
    let url = KafkaUrl::parse("kafka://127.0.0.1:1/movie").unwrap();
    let began = Instant::now();
    let transport = open(url, None);
    assert!(began.elapsed() < Duration::from_secs(1));
    transport.publish(TOPIC, &records(0..1)).await.unwrap_err();
    assert!(transport.history(TOPIC).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn records_of_other_producers_are_read() {
    let Some(topic) = Topic::new() else { return };
    let transport = topic.log();
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let java: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", topic.brokers()).create().unwrap();
    let topic = &topic.url.topic;
    let bare = FutureRecord::<str, [u8]>::to(topic).payload(b"{\"me\":true}".as_slice());
    java.send(bare, Duration::from_secs(5)).await.unwrap();
    let batch = subscription.receive(10).await.unwrap();
    let expected = Record { key: None, payload: Some(b"{\"me\":true}".to_vec()), headers: Vec::new() };
    assert_eq!(batch[0].record, expected);

    let headers = OwnedHeaders::new()
        .insert(Header { key: "contentType", value: Some("application/json") })
        .insert(Header { key: "bytes", value: Some(b"a\xffb".as_slice()) })
        .insert(Header::<&[u8]> { key: "none", value: None });
    let odd = FutureRecord::<[u8], [u8]>::to(topic).key(b"\xff".as_slice()).headers(headers);
    java.send(odd, Duration::from_secs(5)).await.unwrap();
    let batch = subscription.receive(10).await.unwrap();
    let headers = [("contentType", "application/json"), ("bytes", "a\u{fffd}b"), ("none", "")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let expected = Record { key: Some("\u{fffd}".to_owned()), payload: None, headers };
    assert_eq!(batch[0].record, expected);
}

/// A transaction ends with a marker, which takes an offset but is not a record.
#[tokio::test(flavor = "multi_thread")]
async fn history_ends_at_a_transaction_marker() {
    let Some(topic) = Topic::new() else { return };
    let transport = topic.log();
    transport.publish(TOPIC, &records(0..20)).await.unwrap();
    let (brokers, topic) = (topic.brokers(), topic.url.topic.clone());
    let in_transactions = move || {
        let writer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("partitioner", "murmur2_random")
            .set("transactional.id", &topic)
            .create()
            .unwrap();
        writer.init_transactions(Duration::from_secs(20)).unwrap();
        for (payload, commit) in [("20", true), ("900", false)] {
            writer.begin_transaction().unwrap();
            drop(writer.send_result(FutureRecord::to(&topic).key("6").payload(payload)).unwrap());
            writer.flush(Duration::from_secs(5)).unwrap();
            if commit {
                writer.commit_transaction(Duration::from_secs(5)).unwrap();
            } else {
                writer.abort_transaction(Duration::from_secs(5)).unwrap();
            }
        }
    };
    tokio::task::spawn_blocking(in_transactions).await.unwrap();
    let mut history = transport.history(TOPIC).await.unwrap();
    assert_eq!(history.total(), 24, "20 records, two transactions with their markers");
    let received = read_all(history.as_mut(), 7).await;
    assert_complete(received.iter().map(|received| number(&received.record)).collect(), 0..21);
}

/// Right after the creation of a topic, the leader of a partition may not know yet that it leads it.
#[tokio::test]
async fn history_waits_for_the_leaders_of_a_new_topic() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
    };
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("movie", 3, 1).unwrap();
    let transport =
        open(KafkaUrl::parse(&format!("kafka://{}/movie", cluster.bootstrap_servers())).unwrap(), None);
    // Both bounds of a partition are requested at once.
    let both = |error| cluster.request_errors(RDKafkaApiKey::ListOffsets, &[error, error]);
    both(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    both(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    both(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    let history = transport.history(TOPIC).await.unwrap();
    assert_eq!((history.total(), history.is_whole()), (0, true));

    both(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert!(transport.history(TOPIC).await.is_err(), "a refusal is final");
}

/// A rebuild of a view must not replace one that was built from all records.
#[tokio::test(flavor = "multi_thread")]
async fn history_reports_a_deleted_beginning() {
    let Some(topic) = Topic::new() else { return };
    let transport = topic.log();
    transport.publish(TOPIC, &[record("a", "1"), record("a", "2")]).await.unwrap();
    let mut history = transport.history(TOPIC).await.unwrap();
    assert!(history.is_whole());
    let first = history.next(1).await.unwrap().remove(0);

    let admin = admin(&topic);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic.url.topic, first.position.partition, Offset::Offset(2)).unwrap();
    admin.delete_records(&list, &AdminOptions::new()).await.unwrap();
    let history = transport.history(TOPIC).await.unwrap();
    assert_eq!((history.total(), history.is_whole()), (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn created_topic_keeps_its_records_forever() {
    let Some(topic) = Topic::new() else { return };
    topic.log().publish(TOPIC, &records(0..1)).await.unwrap();
    let admin = admin(&topic);
    let described =
        admin.describe_configs([&ResourceSpecifier::Topic(&topic.url.topic)], &AdminOptions::new()).await;
    let config = described.unwrap().remove(0).unwrap();
    let retention = config.get("retention.ms").unwrap().value.as_deref();
    assert_eq!(retention, Some("-1"));
}

fn admin(topic: &Topic) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", topic.brokers()).create().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_stop_redelivers_nothing() {
    let Some(topic) = Topic::new() else { return };
    let transport = topic.log();
    transport.publish(TOPIC, &records(0..500)).await.unwrap();
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    read(subscription.as_mut(), 500, true).await;
    drop(subscription);
    transport.publish(TOPIC, &records(500..501)).await.unwrap();
    let mut again = transport.subscribe(TOPIC, "one").await.unwrap();
    assert_eq!(read(again.as_mut(), 1, true).await, [500]);
}

/// The inbox that all members of a consumer group share.
#[derive(Default)]
struct Inbox {
    seen: BTreeSet<usize>,
    /// The last number of each key.
    last: BTreeMap<String, usize>,
    applied_by: BTreeMap<&'static str, usize>,
    /// The members that have received records of a key.
    members: BTreeMap<String, BTreeSet<&'static str>>,
    redelivered: usize,
}

impl Inbox {
    fn apply(&mut self, member: &'static str, record: &Record) {
        let number = number(record);
        if !self.seen.insert(number) {
            self.redelivered += 1;
            return;
        }
        let last = self.last.insert(record.key.clone().unwrap(), number);
        assert!(last < Some(number), "new records of a key are in order: {number} after {last:?}");
        self.members.entry(record.key.clone().unwrap()).or_default().insert(member);
        *self.applied_by.entry(member).or_default() += 1;
    }

    fn applied_by(&self, member: &str) -> usize {
        self.applied_by.get(member).copied().unwrap_or(0)
    }
}

async fn member(
    name: &'static str,
    transport: Arc<dyn Transport>,
    inbox: Arc<Mutex<Inbox>>,
    stop: CancellationToken,
) {
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    loop {
        let batch = tokio::select! {
            batch = subscription.receive(100) => batch.unwrap(),
            () = stop.cancelled() => break,
        };
        for received in &batch {
            inbox.lock().unwrap().apply(name, &received.record);
        }
        sleep(Duration::from_millis(2)).await; // The transaction.
        for last in last_positions(&batch) {
            subscription.commit(last).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn member_joins_and_leaves_while_events_flow() {
    let Some(topic) = Topic::new() else { return };
    let inbox = Arc::new(Mutex::new(Inbox::default()));
    let publisher = topic.log();
    let publishing = tokio::spawn(async move {
        for start in (0..EVENTS).step_by(100) {
            let batch = start..start + 100;
            let batch: Vec<_> =
                batch.map(|number| record(&(number % 60).to_string(), &number.to_string())).collect();
            publisher.publish(TOPIC, &batch).await.unwrap();
            sleep(Duration::from_millis(40)).await;
        }
    });
    let (stop, leave) = (CancellationToken::new(), CancellationToken::new());
    let first = tokio::spawn(member("first", topic.log(), inbox.clone(), stop.clone()));
    let until = async |done: &dyn Fn(&Inbox) -> bool| {
        while !done(&inbox.lock().unwrap()) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let scenario = async {
        until(&|inbox| inbox.seen.len() >= 1_000).await;
        let second = tokio::spawn(member("second", topic.log(), inbox.clone(), leave.clone()));
        until(&|inbox| inbox.applied_by("second") >= 1_000).await;
        leave.cancel();
        second.await.unwrap();
        until(&|inbox| inbox.seen.len() == EVENTS).await;
    };
    timeout(Duration::from_secs(60), scenario).await.expect("the members make progress");
    stop.cancel();
    first.await.unwrap();
    publishing.await.unwrap();
    let inbox = inbox.lock().unwrap();
    println!("{:?}, and {} were redelivered", inbox.applied_by, inbox.redelivered);
    assert!(inbox.redelivered < EVENTS / 20, "{} records were redelivered", inbox.redelivered);
}

/// The group keeps the partitions for the member and does not assign them to another one.
#[tokio::test(flavor = "multi_thread")]
async fn named_member_keeps_its_partitions_over_a_restart() {
    const KEYS: usize = 60;
    let Some(topic) = Topic::new() else { return };
    let publisher = topic.log();
    let round = async |round: usize| {
        let numbers = round * KEYS..(round + 1) * KEYS;
        let batch: Vec<_> =
            numbers.map(|number| record(&(number % KEYS).to_string(), &number.to_string())).collect();
        publisher.publish(TOPIC, &batch).await.unwrap();
    };
    let inbox = Arc::new(Mutex::new(Inbox::default()));
    let until = async |done: &dyn Fn(&Inbox) -> bool| {
        while !done(&inbox.lock().unwrap()) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let (stop, restart) = (CancellationToken::new(), CancellationToken::new());
    let start = |name: &'static str, transport: Arc<dyn Transport>, stop: &CancellationToken| {
        tokio::spawn(member(name, transport, inbox.clone(), stop.clone()))
    };
    let scenario = async {
        let first = start("first", topic.log_of("first"), &stop);
        let second = start("second", topic.log_of("second"), &restart);
        let mut rounds = 0;
        // Until the group has assigned partitions to both.
        let mut share = BTreeMap::new();
        loop {
            inbox.lock().unwrap().members.clear();
            round(rounds).await;
            rounds += 1;
            until(&|inbox| inbox.seen.len() == rounds * KEYS).await;
            let members = inbox.lock().unwrap().members.clone();
            let have_both =
                ["first", "second"].iter().all(|name| members.values().any(|of| of.contains(name)));
            if have_both && members == share {
                break;
            }
            share = members;
        }
        let of_second = share.values().filter(|members| members.contains("second")).count();

        restart.cancel();
        second.await.unwrap();
        // Longer than two heartbeats, by which the first member would learn of a rebalance, and well within
        // the session.
        for missed in 1..=5 {
            sleep(Duration::from_millis(500)).await;
            round(rounds).await;
            rounds += 1;
            until(&|inbox| inbox.seen.len() >= rounds * KEYS - missed * of_second).await;
        }
        let again = start("second", topic.log_of("second"), &stop);
        until(&|inbox| inbox.seen.len() == rounds * KEYS).await;
        assert_eq!(inbox.lock().unwrap().members, share);
        stop.cancel();
        first.await.unwrap();
        again.await.unwrap();
    };
    timeout(Duration::from_secs(60), scenario).await.expect("the members make progress");
}

/// A member that has not noticed the new topic commits its position in the old one.
#[tokio::test(flavor = "multi_thread")]
async fn position_in_the_old_topic_does_not_count_in_the_new_one() {
    let Some(topic) = Topic::new() else { return };
    let transport = topic.log();
    transport.publish(TOPIC, &records(1..11)).await.unwrap();
    let mut old = transport.subscribe(TOPIC, "test").await.unwrap();
    let mut count = 0;
    while count < 10 {
        let batch = old.receive(10).await.unwrap();
        count += batch.len();
        for last in last_positions(&batch) {
            old.commit(last).await.unwrap();
        }
    }
    drop(old);
    let received = async |incarnation, count: usize| {
        let mut member = transport.subscribe_in(TOPIC, "test", incarnation).await.unwrap();
        let mut received = Vec::new();
        while received.len() < count {
            let batch = member.receive(10).await.unwrap();
            for last in last_positions(&batch) {
                member.commit(last).await.unwrap();
            }
            received.extend(batch);
        }
        received.len()
    };
    assert_eq!(received(2, 10).await, 10, "the group reads the second incarnation from its beginning");
    transport.publish(TOPIC, &records(11..12)).await.unwrap();
    assert_eq!(received(2, 1).await, 1, "once");
    transport.publish(TOPIC, &records(12..13)).await.unwrap();
    assert_eq!(received(3, 12).await, 12);
}
