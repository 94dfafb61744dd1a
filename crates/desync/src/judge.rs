//! The properties.

use std::sync::atomic::Ordering::SeqCst;

use crate::exchange::{Exchange, Form, Leave, Target};
use crate::ledger::Ledger;
use crate::plan::Planned;

/// What a client got.
#[derive(Debug)]
pub enum Outcome {
    Answered(Answer),
    /// An error that says that nothing was sent.
    NotSent,
    /// A gateway's error for a body above its limit, which says that nothing was sent.
    TooLarge,
    /// An error that says that nobody knows.
    Failed,
    /// The client left first.
    Left,
    /// The client's own connection was lost, to the request before or to its own doing.
    Lost,
    /// Bytes that are no answer.
    Nonsense(String),
    /// Nothing came for a long time.
    Hung,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Which answer of the upstream's it is; nothing for a gateway's own.
    pub mark: Option<String>,
    pub nonce: Option<String>,
    pub body: AnswerBody,
}

#[derive(Debug)]
pub enum AnswerBody {
    Whole(Vec<u8>),
    /// It broke off, and the client knows.
    Broken,
    /// The client did not read it to its end.
    Unread,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Tally {
    /// Number of complete answers from the upstream.
    pub answered: usize,
    /// Requests that failed though their own script was harmless.
    pub harmed: usize,
}

/// Checks the outcome of each exchange against what the upstream has seen. Reports to the ledger.
pub fn judge(ledger: &Ledger, outcomes: Vec<(usize, Outcome)>) -> Tally {
    let mut tally = Tally::default();
    let mut told = vec![false; ledger.plan.exchanges.len()];
    let mut documents = 0;
    for (index, outcome) in outcomes {
        told[index] = true;
        let planned = ledger.plan.planned(index);
        documents += usize::from(planned.exchange.target == Target::Document);
        if let Err(what) = one(ledger, &planned, &outcome, &mut tally) {
            ledger.violation(format!("{what}\n    exchange {index}: {}", planned.exchange));
        }
    }
    for index in (0..told.len()).filter(|index| !told[*index]) {
        ledger.violation(format!("exchange {index} has no outcome"));
    }
    let made = ledger.documents.load(SeqCst);
    if made > documents {
        ledger.violation(format!("{made} requests for documents, of which {documents} were asked for"));
    }
    let treacheries = ledger.treacheries.load(SeqCst);
    if tally.harmed > treacheries {
        let harmed = tally.harmed;
        ledger.violation(format!(
            "{harmed} requests failed without a reason, more than the {treacheries} traps"
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
        // An answer that nobody asked for says that it is an error. It may meet whoever comes next.
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
                "the client got nothing; the upstream saw {heads} heads, {wholes} whole requests, mark {mark:?}"
            ))
        }
        Outcome::NotSent | Outcome::TooLarge if heads > 0 => {
            Err("the client heard that nothing was sent, but it was".to_owned())
        }
        Outcome::Left if exchange.leave == Leave::Sending && heads > 0 => {
            Err("half a request was passed on".to_owned())
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

/// Whether the upstream may close the connection while the request is still on its way, so that the answer gets lost.
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
            Err("half an answer was passed as whole".to_owned())
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
                return Err("an answer to a request that did not arrive whole".to_owned());
            }
            tally.answered += 1;
            Ok(())
        }
        AnswerBody::Broken if exchange.form == Form::Cut || may_break(exchange) => Ok(()),
        AnswerBody::Broken if exchange.is_early() && exchange.form == Form::Close => Ok(()),
        // A server may take the end of what a client sends for its hang-up. The client sees that the answer is not whole.
        AnswerBody::Broken if exchange.leave == Leave::HalfClose => Ok(()),
        AnswerBody::Broken => Err("a whole answer broke off".to_owned()),
        AnswerBody::Unread => Ok(()),
    }
}

/// A gateway's own answer: it has no mark, except where it passes a description on.
fn own(exchange: &Exchange, answer: &Answer) -> Result<(), String> {
    let nonce = answer.nonce.as_deref();
    match exchange.target {
        Target::Document if answer.status == 200 && nonce == Some("own") => Ok(()),
        Target::Document if (502..=504).contains(&answer.status) && nonce.is_none() => Ok(()),
        Target::Status | Target::Docs | Target::Probe | Target::Nothing if nonce.is_none() => Ok(()),
        _ => Err(format!("{} of {nonce:?} instead of the gateway's own", answer.status)),
    }
}
