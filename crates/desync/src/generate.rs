//! Generates exchanges from a seed.

use fastrand::Rng;

use crate::exchange::{After, Exchange, Form, Leave, Method, Target, When};

/// Maximum size of the body of a request or an answer.
pub const BODY_MAX: usize = 256 * 1024;
/// Maximum size of a body that a gateway forwards to the upstream's paths. Some exchanges exceed it.
pub const GATEWAY_BODY_MAX: usize = 16 * 1024;

/// The kind of subject for which exchanges are generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A connection pool, which gets complete requests.
    Pool,
    /// A gateway. A raw client sends the requests, and some are for the gateway's own routes.
    Gateway,
}

/// Generates `count` exchanges from `seed`.
pub fn generate(seed: u64, count: usize, kind: Kind) -> Vec<Exchange> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|_| exchange(&mut rng, kind)).collect()
}

fn exchange(rng: &mut Rng, kind: Kind) -> Exchange {
    let mut exchange = Exchange {
        target: Target::Service,
        method: method(rng),
        body: 0,
        writes: if one_in(rng, 4) { rng.usize(2..5) } else { 1 },
        leave: leave(rng, kind),
        interim: if one_in(rng, 12) { rng.usize(1..4) } else { 0 },
        when: When::Whole,
        form: form(rng, kind),
        answer: size(rng),
        pieces: if one_in(rng, 4) { rng.usize(2..6) } else { 1 },
        after: after(rng),
    };
    let may_have_body = match exchange.method {
        Method::Post | Method::Put | Method::Patch => true,
        Method::Delete => one_in(rng, 4),
        Method::Get => one_in(rng, 16),
        Method::Head | Method::Options => false,
    };
    if may_have_body {
        exchange.body = size(rng);
    }
    if kind == Kind::Gateway && !one_in(rng, 16) {
        exchange.body = exchange.body.min(GATEWAY_BODY_MAX);
    }
    if exchange.body > 0 && one_in(rng, 5) {
        exchange.when = if rng.bool() { When::Head } else { When::Middle };
    }
    if kind == Kind::Gateway && one_in(rng, 8) {
        own(rng, &mut exchange);
    }
    settle(&mut exchange);
    exchange
}

/// Turns an exchange into one for the gateway's own routes. Half of them have a body, which such requests
/// should not have.
fn own(rng: &mut Rng, exchange: &mut Exchange) {
    exchange.target = pick(
        rng,
        &[Target::Document, Target::Document, Target::Status, Target::Docs, Target::Probe, Target::Nothing],
    );
    exchange.method = pick(rng, &[Method::Get, Method::Get, Method::Head]);
    exchange.body = if rng.bool() { rng.usize(1..2000) } else { 0 };
    exchange.form = Form::Length;
    exchange.after = After::Keep;
    exchange.interim = 0;
    exchange.when = When::Whole;
}

/// Removes meaningless combinations.
fn settle(exchange: &mut Exchange) {
    if !exchange.is_answered() {
        exchange.after = After::Keep;
    }
    if exchange.form == Form::Cut {
        exchange.answer = exchange.answer.max(2);
    }
    if exchange.method == Method::Head && exchange.form == Form::Cut {
        exchange.form = Form::HangUp;
    }
    if exchange.after == After::Extra {
        // One write of one segment, because later bytes race with the next request, and no client can
        // distinguish them from its answer.
        exchange.pieces = 1;
        exchange.answer = exchange.answer.min(2000);
        exchange.interim = 0;
        exchange.when = When::Whole;
        if exchange.form == Form::Close {
            exchange.form = Form::Length;
        }
    }
    if exchange.leave == Leave::Pipelines {
        // The client writes all its requests before it reads, so unread bytes must fit into the kernel's
        // buffers.
        exchange.body = exchange.body.min(4_000);
        exchange.answer = exchange.answer.min(8_000);
    }
    if exchange.form == Form::Silent {
        exchange.leave = Leave::Waiting;
    }
}

fn method(rng: &mut Rng) -> Method {
    match rng.usize(0..20) {
        0..7 => Method::Get,
        7..13 => Method::Post,
        other => pick_at(other, &[Method::Head, Method::Put, Method::Patch, Method::Delete, Method::Options]),
    }
}

fn form(rng: &mut Rng, kind: Kind) -> Form {
    match rng.usize(0..100) {
        0..45 => Form::Length,
        45..70 => Form::Chunked,
        70..73 => Form::Close,
        73..78 => Form::NoContent,
        78..83 => Form::NotModified,
        83..85 => Form::Both,
        85..87 => Form::Twice,
        87..89 => Form::Old,
        89..92 => Form::Cut,
        92..94 => Form::Reset,
        94..96 => Form::HangUp,
        96 => Form::Garbage,
        97 => Form::Switch,
        // Rare, because each client of a silent upstream waits.
        98 if kind == Kind::Pool || one_in(rng, 4) => Form::Silent,
        _ => Form::Length,
    }
}

fn after(rng: &mut Rng) -> After {
    match rng.usize(0..100) {
        0..80 => After::Keep,
        80..86 => After::SayClose,
        86..90 => After::SayOnly,
        90..93 => After::Close,
        93..95 => After::HalfClose,
        95..98 => After::Extra,
        _ => After::Unasked,
    }
}

fn leave(rng: &mut Rng, kind: Kind) -> Leave {
    match (rng.usize(0..100), kind) {
        (0..4, _) => Leave::Waiting,
        (4..8, _) => Leave::Reading,
        (8..11, Kind::Gateway) => Leave::Sending,
        (11..15, Kind::Gateway) => Leave::HalfClose,
        (15..35, Kind::Gateway) => Leave::Pipelines,
        _ => Leave::Never,
    }
}

fn size(rng: &mut Rng) -> usize {
    match rng.usize(0..100) {
        0..10 => 0,
        10..70 => rng.usize(1..600),
        70..92 => rng.usize(600..8_000),
        92..98 => rng.usize(8_000..40_000),
        _ => rng.usize(40_000..=BODY_MAX),
    }
}

fn one_in(rng: &mut Rng, count: usize) -> bool {
    rng.usize(0..count) == 0
}

fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(0..of.len())]
}

fn pick_at<T: Copy>(at: usize, of: &[T]) -> T {
    of[at % of.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_determines_the_exchanges_and_their_text_form_is_lossless() {
        for kind in [Kind::Pool, Kind::Gateway] {
            let exchanges = generate(7, 2000, kind);
            assert_eq!(exchanges, generate(7, 2000, kind));
            assert_ne!(exchanges, generate(8, 2000, kind));
            for exchange in exchanges {
                assert_eq!(exchange.to_string().parse::<Exchange>().as_ref(), Ok(&exchange));
            }
        }
    }

    #[test]
    fn every_kind_of_exchange_occurs() {
        let exchanges = generate(1, 20_000, Kind::Gateway);
        assert!(Method::ALL.iter().all(|of| exchanges.iter().any(|e| e.method == *of)));
        assert!(Target::ALL.iter().all(|of| exchanges.iter().any(|e| e.target == *of)));
        assert!(When::ALL.iter().all(|of| exchanges.iter().any(|e| e.when == *of)));
        assert!(Form::ALL.iter().all(|of| exchanges.iter().any(|e| e.form == *of)));
        assert!(After::ALL.iter().all(|of| exchanges.iter().any(|e| e.after == *of)));
        assert!(Leave::ALL.iter().all(|of| exchanges.iter().any(|e| e.leave == *of)));
        assert!(exchanges.iter().any(|e| e.body > GATEWAY_BODY_MAX));
        assert!(generate(1, 20_000, Kind::Pool).iter().any(|e| e.body > 200_000));
    }
}
