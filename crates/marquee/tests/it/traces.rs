//! The trace of a booking, as a collector receives it over OTLP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use marquee::fleet::Process;
use marquee::trace::kept::{Kept, Step};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use reqwest::Client;
use rustix::process::Signal;
use serde_json::json;
use tokio::net::TcpListener;

use crate::fleet::{Fleet, marquee, run, send};
use crate::wait::until;

/// The processes that take part in a booking that is paid.
const OF_A_BOOKING: [Process; 6] =
    [Process::Gateway, Process::Book, Process::Payment, Process::Processor, Process::Ticket, Process::Mypage];
/// The trace and the span of the client, which does not export its own.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";

/// A collector of this test.
struct Collector {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::<Mutex<Kept>>::default();
        let router = Router::new().route("/v1/traces", post(receive)).with_state(kept.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, kept }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans of the client's trace, if one of them names the booking.
    fn steps(&self, booking: i64) -> Vec<Step> {
        let traces = self.kept.lock().unwrap().of_booking(booking);
        traces.into_iter().find(|trace| trace[0].trace_id == TRACE).unwrap_or_default()
    }
}

async fn receive(State(kept): State<Arc<Mutex<Kept>>>, body: Bytes) {
    kept.lock().unwrap().add(ExportTraceServiceRequest::decode(body).unwrap());
}

/// Books with the trace of a client, and returns the id of the booking.
async fn book(fleet: &Fleet, flags: &str) -> i64 {
    let url = format!("http://127.0.0.1:{}/books", Process::Gateway.port(fleet.port_base));
    let client = Client::builder().no_proxy().build().unwrap();
    let answer = client
        .post(url)
        .header("traceparent", format!("00-{TRACE}-{CLIENT}-{flags}"))
        .json(&json!({ "movieName": "soul" }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    answer.json::<serde_json::Value>().await.unwrap()["id"].as_i64().unwrap()
}

/// Starts the fleet with its export, which sends spans soon, and with additional settings.
async fn up_exporting(fleet: &mut Fleet, env: &[(&str, &str)]) {
    let own = [("OTEL_SDK_DISABLED", "false"), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    fleet.up_with(&[&own[..], env].concat()).await;
}

/// Runs `marquee trace`, and returns its exit code and output.
async fn trace(fleet: &Fleet, booking: i64) -> (i32, String) {
    let mut command = marquee(["trace", &booking.to_string()]);
    command.arg("--data-dir").arg(&fleet.data_dir);
    run(command).await
}

/// Stops the fleet. All processes send their last spans.
async fn everything_stops(fleet: &mut Fleet) {
    send(fleet.launcher().pid(), Signal::TERM);
    assert_eq!(fleet.launcher().exit_code().await, 0);
}

/// Whether each span is below another of the trace, except for the first, which is below the client's.
fn is_whole(steps: &[Step]) -> Result<(), String> {
    let ids: BTreeSet<&str> = steps.iter().map(|step| step.span_id.as_str()).collect();
    let lost: Vec<_> = steps.iter().filter(|step| !ids.contains(step.parent_id.as_str())).collect();
    let begin: Vec<&str> = lost.iter().map(|step| step.service.as_str()).collect();
    let services: BTreeSet<&str> = steps.iter().map(|step| step.service.as_str()).collect();
    let expected: BTreeSet<&str> = OF_A_BOOKING.iter().map(|process| process.name()).collect();
    if begin != ["gateway"] || lost[0].parent_id != CLIENT || !expected.is_subset(&services) {
        return Err(format!("{lost:#?} {services:?}"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_receives_the_whole_trace_of_a_booking() {
    let collector = Collector::start().await;
    let mut fleet = Fleet::nothing().await;
    up_exporting(&mut fleet, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())]).await;
    // The client asks for no sampling, but the gateway decides.
    let id = book(&fleet, "00").await;
    let steps = until("the whole trace", async || {
        let steps = collector.steps(id);
        is_whole(&steps).map(|()| steps)
    })
    .await;
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for step in &steps {
        names.entry(&step.service).or_default().insert(&step.name);
        assert!(step.start_ns <= step.end_ns, "{step:?}");
        assert_eq!(step.error, None, "{step:?}");
    }
    assert_eq!(names["gateway"], BTreeSet::from(["POST /books"]));
    for name in ["POST /books", "POST", "transaction", "send movie"] {
        assert!(names["book"].contains(name), "{name}: {names:?}");
    }
    assert!(names["processor"].contains("transaction"), "{names:?}");
    for consumer in ["ticket", "mypage"] {
        assert!(names[consumer].contains("process movie"), "{names:?}");
    }
    assert_eq!(collector.kept.lock().unwrap().of_booking(id).len(), 1);
    // A collector of the user replaces the launcher's.
    let (code, output) = trace(&fleet, id).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("keeps no traces"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_command_shows_what_each_process_did_for_a_booking() {
    let mut fleet = Fleet::nothing().await;
    // Variables that are meant for other programs.
    let others = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("HTTP_PROXY", "http://127.0.0.1:1")];
    up_exporting(&mut fleet, &others).await;
    let id = book(&fleet, "01").await;
    let shown = until("the trace", async || {
        let (code, output) = trace(&fleet, id).await;
        let is_whole = OF_A_BOOKING.iter().all(|process| output.contains(process.name()));
        if code == 0 && is_whole { Ok(output) } else { Err(output) }
    })
    .await;
    assert!(shown.starts_with(&format!("trace {TRACE}, ")), "{shown}");
    assert!(shown.contains("gateway  POST /books 201"), "{shown}");
    assert!(shown.contains("    book  POST /books 201"), "below the gateway: {shown}");

    let (code, output) = trace(&fleet, 4_000_000).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("no trace of booking 4000000"), "{output}");
}

/// A stranger cannot turn on the recording of requests.
#[tokio::test(flavor = "multi_thread")]
async fn sampling_is_the_decision_of_the_gateway() {
    let collector = Collector::start().await;
    let mut fleet = Fleet::nothing().await;
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url()),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
    ];
    up_exporting(&mut fleet, &settings).await;
    let id = book(&fleet, "01").await;
    everything_stops(&mut fleet).await;
    assert_eq!(collector.kept.lock().unwrap().of_booking(id), Vec::<Vec<Step>>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_collector_costs_one_line_a_minute() {
    // Nothing listens there.
    costs_one_line_a_minute("http://127.0.0.1:1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_never_answers_costs_one_line_a_minute() {
    // The system accepts connections of a listener whose process does not.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    costs_one_line_a_minute(&format!("http://{}", silent.local_addr().unwrap())).await;
}

async fn costs_one_line_a_minute(collector: &str) {
    let mut fleet = Fleet::nothing().await;
    let started = Instant::now();
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector), ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")];
    up_exporting(&mut fleet, &settings).await;
    let log = fleet.data_dir.join("logs/book.log");
    until("book to report the collector", async || {
        book(&fleet, "01").await;
        let log = std::fs::read_to_string(&log).unwrap();
        if log.contains(r#""dependency":"trace collector""#) { Ok(()) } else { Err(log) }
    })
    .await;
    for _ in 0..20 {
        book(&fleet, "01").await;
    }
    everything_stops(&mut fleet).await;
    let log = std::fs::read_to_string(&log).unwrap();
    let lines = log.matches(r#""dependency":"trace collector""#).count();
    let minutes = 1 + started.elapsed().as_secs() as usize / 60;
    assert!((1..=minutes).contains(&lines), "{log}");
}
