//! Planted faults that the suite must find: clients that behave like a faulty pool.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use desync::client::{NoAnswer, RawClient};
use desync::{Exchange, Method, Outcome, Planned, Report, Subject, explain, run};
use tokio::time::timeout;

/// How long a client waits for an answer that its own fault may have prevented.
const PATIENCE: Duration = Duration::from_secs(1);

/// The fault of a client.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Treats an early answer as the end of its request, and sends the next request on the same connection.
    ReusesAfterEarlyAnswer,
    /// Forwards a wrong `Content-Length`.
    SendsAnotherLength,
    /// Sends a request again although it may have arrived.
    SendsTwice,
    /// Keeps a connection with unsolicited bytes.
    KeepsExtraAnswers,
    /// Keeps a connection after an answer with two framings.
    KeepsDoubtfulFraming,
    /// Treats half a body as complete.
    TakesHalfForWhole,
    /// Reports that nothing was sent when the connection was closed.
    DeniesWhatItSent,
    /// Gives one client the answer of another.
    SwapsAnswers,
    /// Sends a body without its head.
    SendsTheBodyAlone,
}

struct Faulty {
    fault: Fault,
    address: SocketAddr,
    swapped: Mutex<Option<(usize, Outcome)>>,
}

impl Faulty {
    async fn perform(&self, connection: &mut Option<RawClient>, planned: &Planned) -> Outcome {
        let mut client = match connection.take() {
            Some(client) => client,
            None => RawClient::connect(self.address).await.unwrap(),
        };
        let (head, body) = self.message(planned);
        let early = planned.exchange.is_early() && self.fault == Fault::ReusesAfterEarlyAnswer;
        let sent = if early { body.len() / 2 } else { body.len() };
        let _ = client.write(&[head.as_bytes(), &body[..sent]].concat(), 1).await;
        let method = planned.exchange.method;
        // A client that sent too little waits in vain.
        let Ok(mut begun) = timeout(PATIENCE, client.begin(method)).await else { return Outcome::Hung };
        if self.fault == Fault::SendsTwice && begun.is_err() {
            client = RawClient::connect(self.address).await.unwrap();
            let _ = client.write(&[head.as_bytes(), &body].concat(), 1).await;
            begun = client.begin(method).await;
        }
        let begun = match begun {
            Ok(begun) => client.finish(begun).await,
            Err(error) => Err(error),
        };
        match begun {
            Ok(begun) => {
                let keeps = self.fault == Fault::KeepsExtraAnswers || !planned.exchange.is_treacherous();
                if (!begun.closes || self.fault == Fault::KeepsDoubtfulFraming) && keeps {
                    *connection = Some(client);
                }
                self.outcome(planned, begun.answer)
            }
            Err(NoAnswer::Closed) if self.fault == Fault::DeniesWhatItSent => Outcome::NotSent,
            Err(NoAnswer::Closed) => Outcome::Failed,
            Err(NoAnswer::Nonsense(_)) => Outcome::Failed,
        }
    }

    fn message(&self, planned: &Planned) -> (String, Vec<u8>) {
        let head = planned.request_head("upstream");
        let body = planned.request_body();
        match self.fault {
            Fault::SendsAnotherLength if body.is_empty() => {
                (head.replace("x-nonce", "content-length: 44\r\nx-nonce"), body)
            }
            Fault::SendsTheBodyAlone if !body.is_empty() => (String::new(), body),
            _ => (head, body),
        }
    }

    fn outcome(&self, planned: &Planned, mut answer: desync::Answer) -> Outcome {
        if self.fault == Fault::TakesHalfForWhole && matches!(answer.body, desync::AnswerBody::Broken) {
            let whole = planned.answer_body();
            answer.body = desync::AnswerBody::Whole(whole[..whole.len() / 2].to_vec());
        }
        Outcome::Answered(answer)
    }
}

impl Subject for Faulty {
    async fn lane(&self, work: Vec<Planned>) -> Vec<(usize, Outcome)> {
        let mut outcomes: Vec<(usize, Outcome)> = Vec::new();
        let mut connection = None;
        for planned in work {
            let mut outcome = self.perform(&mut connection, &planned).await;
            if self.fault == Fault::SwapsAnswers {
                // Takes the outcome of the previous exchange of any client.
                let before = self.swapped.lock().unwrap().replace((planned.index, outcome));
                match before {
                    Some((_, of_another)) => outcome = of_another,
                    None => continue,
                }
            }
            outcomes.push((planned.index, outcome));
        }
        outcomes
    }

    async fn stop(self) {}
}

async fn runs(fault: Fault, exchanges: Vec<Exchange>) -> Report {
    run(exchanges, false, async |address| Faulty { fault, address, swapped: Mutex::default() }).await
}

/// Returns the violations that the suite reports for a client with `fault`.
async fn found(fault: Fault, lines: &[&str]) -> String {
    let sequence: Vec<Exchange> = lines.iter().map(|line| line.parse().unwrap()).collect();
    // Exchanges are dealt to the clients in turn, so that each gets the whole sequence.
    let exchanges = sequence.iter().flat_map(|exchange| vec![exchange.clone(); desync::LANES]).collect();
    let faultless =
        runs(Fault::None, sequence.iter().flat_map(|e| vec![e.clone(); desync::LANES]).collect()).await;
    assert_eq!(faultless.violations, Vec::<String>::new(), "a client without the fault");
    runs(fault, exchanges).await.violations.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_planted_fault_is_found() {
    let early: &[&str] = &["POST service body=3000 when=middle", "GET service"];
    let plain: &[&str] = &["GET service", "POST service body=900", "GET service"];
    for (fault, lines, violation) in [
        (Fault::ReusesAfterEarlyAnswer, early, "another body after 0 bytes: GET /books/"),
        (Fault::SendsAnotherLength, plain, "lengths [\"44\"] instead of []"),
        (Fault::SendsTwice, &["POST service body=9 form=hang-up"], "the request was sent 2 times"),
        (
            Fault::KeepsExtraAnswers,
            &["GET service after=extra", "GET service"],
            "the client got answer extra",
        ),
        (
            Fault::KeepsDoubtfulFraming,
            &["HEAD service form=twice", "GET service"],
            "after an answer with two lengths",
        ),
        (
            Fault::TakesHalfForWhole,
            &["GET service form=cut answer=800"],
            "half an answer was forwarded as complete",
        ),
        (
            Fault::DeniesWhatItSent,
            &["POST service body=9 form=reset"],
            "the client's error means that nothing was sent, but the request was",
        ),
        (Fault::SwapsAnswers, plain, "its own is"),
        (Fault::SendsTheBodyAlone, plain, "a request that no client sent"),
    ] {
        let violations = found(fault, lines).await;
        assert!(violations.contains(violation), "{violation:?} is not in:\n{violations}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_run_reports_a_short_sequence() {
    let mut exchanges = vec![Exchange::PLAIN; 300];
    exchanges[200] = "POST service body=9 form=hang-up".parse().unwrap();
    let report = runs(Fault::SendsTwice, exchanges.clone()).await;
    assert_eq!(exchanges[0].method, Method::Get);
    let text =
        explain(7, exchanges, report, async |exchanges| runs(Fault::SendsTwice, exchanges).await).await;
    assert!(text.starts_with("DESYNC_SEED=7 DESYNC_EXCHANGES=300\n- the request was sent 2 times"), "{text}");
    let kept: Vec<_> = text.lines().filter(|line| line.trim_start().starts_with('"')).collect();
    assert_eq!(kept, ["    \"POST service body=9 form=hang-up\","], "{text}");
}
