//! Checks the outcome of each exchange.

use std::sync::atomic::Ordering::SeqCst;

use crate::exchange::{Exchange, Form, Leave, Target};
use crate::ledger::Ledger;
use crate::plan::Planned;

/// The outcome of an exchange for its client.
#[derive(Debug)]
pub enum Outcome {
    Answered(Answer),
    /// An error that means that the request was not sent.
    NotSent,
    /// A gateway's error for a body above its limit, which means that the request was not sent.
    TooLarge,
    /// An error that means that the outcome is unknown.
    Failed,
    /// The client disconnected first.
    Left,
    /// The client's connection was lost because of an earlier request or its own actions.
    Lost,
    /// Bytes that are not an answer.
    Nonsense(String),
    /// Nothing came for a long time.
    Hung,
}

/// An answer that a client received.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Identifies an answer of the upstream; `None` for a gateway's own.
    pub mark: Option<String>,
    pub nonce: Option<String>,
    pub body: AnswerBody,
}

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    Whole(Vec<u8>),
    /// The body was truncated, and the client got an error.
    Broken,
    /// The client did not read the body to its end.
    Unread,
}

/// The counts of a run.
#[derive(Debug, Default)]
pub struct Tally {
    /// Number of complete answers from the upstream.
    pub answered: usize,
    /// Number of requests that failed although their own exchange is harmless.
    pub harmed: usize,
}

/// Compares the outcome of each exchange with what the upstream received. Adds violations to the ledger.
pub fn judge(ledger: &Ledger, outcomes: Vec<(usize, Outcome)>) -> Tally {
    let mut tally = Tally::default();
    let mut has_outcome = vec![false; ledger.plan.exchanges.len()];
    let mut documents = 0;
    for (index, outcome) in outcomes {
        has_outcome[index] = true;
        let planned = ledger.plan.planned(index);
        documents += usize::from(planned.exchange.target == Target::Document);
        if let Err(what) = one(ledger, &planned, &outcome, &mut tally) {
            ledger.violation(format!("{what}\n    exchange {index}: {}", planned.exchange));
        }
    }
    for index in (0..has_outcome.len()).filter(|index| !has_outcome[*index]) {
        ledger.violation(format!("exchange {index} has no outcome"));
    }
    let sent = ledger.documents.load(SeqCst);
    if sent > documents {
        ledger.violation(format!("{sent} requests for documents, but only {documents} from clients"));
    }
    let treacheries = ledger.treacheries.load(SeqCst);
    if tally.harmed > treacheries {
        let harmed = tally.harmed;
        ledger.violation(format!(
            "{harmed} harmless requests failed, but only {treacheries} connections could cause that"
        ));
    }
    tally
}

fn one(ledger: &Ledger, planned: &Planned, outcome: &Outcome, tally: &mut Tally) -> Result<(), String> {
    let Planned { index, exchange, .. } = planned;
    let heads = ledger.heads(*index);
    if heads > 1 {
        return Err(format!("the request was sent {heads} times"));
    }
    match outcome {
        // An unsolicited answer is an error by its status. The next client on the connection may get it.
        Outcome::Answered(answer) if answer.status == 408 && is_unasked(answer) => {
            tally.harmed += 1;
            Ok(())
        }
        Outcome::Answered(answer) if exchange.target == Target::Service => {
            service(ledger, planned, answer, tally)
        }
        Outcome::Answered(answer) => own(exchange, answer),
        Outcome::Nonsense(what) => Err(format!("the client read {what}")),
        Outcome::Hung => {
            let (wholes, mark) = (ledger.wholes(*index), ledger.mark(*index));
            Err(format!(
                "the client got nothing; the upstream received {heads} heads, {wholes} complete requests, mark {mark:?}"
            ))
        }
        Outcome::NotSent | Outcome::TooLarge if heads > 0 => {
            Err("the client's error means that nothing was sent, but the request was".to_owned())
        }
        Outcome::Left if exchange.leave == Leave::Sending && heads > 0 => {
            Err("half a request was forwarded".to_owned())
        }
        Outcome::NotSent | Outcome::Failed => {
            let is_harmless =
                exchange.is_answered() && !may_break(exchange) && exchange.leave == Leave::Never;
            tally.harmed += usize::from(is_harmless);
            Ok(())
        }
        Outcome::TooLarge | Outcome::Left | Outcome::Lost => Ok(()),
    }
}

fn is_unasked(answer: &Answer) -> bool {
    answer.mark.as_deref().is_some_and(|mark| mark.ends_with(".unasked"))
}

/// Whether the upstream may close the connection while the request is still being sent, so that the answer
/// gets lost.
fn may_break(exchange: &Exchange) -> bool {
    exchange.is_early() && exchange.closes()
}

fn service(ledger: &Ledger, planned: &Planned, answer: &Answer, tally: &mut Tally) -> Result<(), String> {
    let Planned { index, nonce, exchange } = planned;
    let mark = answer.mark.as_deref().unwrap_or("none");
    let own_mark = ledger.mark(*index);
    if own_mark.as_deref() != Some(mark) || answer.nonce.as_deref() != Some(nonce) {
        return Err(format!(
            "the client got answer {mark} of {:?}, its own is {own_mark:?} of {nonce}",
            answer.nonce
        ));
    }
    if answer.status != exchange.status() || matches!(exchange.form, Form::Switch | Form::Garbage) {
        return Err(format!("the client got {} instead of {}", answer.status, exchange.status()));
    }
    match &answer.body {
        AnswerBody::Whole(_) if exchange.form == Form::Cut => {
            Err("half an answer was forwarded as complete".to_owned())
        }
        AnswerBody::Whole(bytes) => {
            let expected = if exchange.answer_has_body() { planned.answer_body() } else { Vec::new() };
            if *bytes != expected {
                return Err(format!(
                    "{} bytes of another body than the {} sent",
                    bytes.len(),
                    expected.len()
                ));
            }
            if !exchange.is_early() && ledger.wholes(*index) != 1 {
                return Err("an answer to an incomplete request".to_owned());
            }
            tally.answered += 1;
            Ok(())
        }
        AnswerBody::Broken if exchange.form == Form::Cut || may_break(exchange) => Ok(()),
        AnswerBody::Broken if exchange.is_early() && exchange.form == Form::Close => Ok(()),
        // A server may treat the end of what a client sends as a disconnect. The client notices that the
        // answer is incomplete.
        AnswerBody::Broken if exchange.leave == Leave::HalfClose => Ok(()),
        AnswerBody::Broken => Err("a complete answer was truncated".to_owned()),
        AnswerBody::Unread => Ok(()),
    }
}

/// Checks a gateway's own answer. Only a forwarded description carries a nonce.
fn own(exchange: &Exchange, answer: &Answer) -> Result<(), String> {
    let nonce = answer.nonce.as_deref();
    match exchange.target {
        Target::Document if answer.status == 200 && nonce == Some("own") => Ok(()),
        Target::Document if (502..=504).contains(&answer.status) && nonce.is_none() => Ok(()),
        Target::Status | Target::Docs | Target::Probe | Target::Nothing if nonce.is_none() => Ok(()),
        _ => Err(format!("{} of {nonce:?} instead of the gateway's own answer", answer.status)),
    }
}
