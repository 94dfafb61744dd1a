//! Makes a call, prints it, and compares the answer with the expected one.

use std::io;
use std::time::{Duration, Instant};

use anstyle::Style;
use reqwest::Method;
use serde_json::Value;
use tokio::time::sleep;

use crate::output::{OutputError, print, printable, printable_json};
use crate::paint::{BAD, GOOD, HEADING, Paint, QUIET, REQUEST};
use crate::rest::{Answer, Rest, RestError, difference};

/// Maximum time until an event has its effect.
const EFFECT_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

pub struct Walk {
    rest: Rest,
    paint: Paint,
    step: u32,
}

/// The first unexpected answer.
#[derive(Debug, thiserror::Error)]
pub enum Unexpected {
    #[error("expected status {expected}, but got {status}")]
    Status { expected: u16, status: u16 },
    #[error("{0}")]
    Body(String),
    #[error("{0}, even after {wait} s", wait = EFFECT_TIMEOUT.as_secs())]
    StillNot(String),
    #[error(transparent)]
    NoAnswer(#[from] RestError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// The expected status of an answer, and the fields that its body must have at least.
pub struct Expected {
    pub status: u16,
    pub body: Value,
}

impl Walk {
    pub fn new(gateway: &str) -> Self {
        Self { rest: Rest::new(gateway), paint: Paint::for_stream(&io::stdout()), step: 0 }
    }

    /// Prints the heading of the next step.
    pub fn step(&mut self, what: &str) -> Result<(), OutputError> {
        self.step += 1;
        print("")?;
        print(&self.paint.text(HEADING, format_args!("{}. {what}", self.step)))
    }

    pub async fn get(&self, path: &str, expected: Value) -> Result<Value, Unexpected> {
        let expected = Expected { status: 200, body: expected };
        self.call(Method::GET, path, None, expected).await
    }

    /// Makes a call, and checks its answer.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        expected: Expected,
    ) -> Result<Value, Unexpected> {
        self.show_request(&method, path, body.as_ref())?;
        let answer = self.rest.send(method, path, body.as_ref()).await?;
        let checked = check(&answer, &expected);
        self.show_answer(&answer, checked.is_ok())?;
        checked.map(|()| answer.body)
    }

    /// Polls until the answer is as expected, because events take a moment to have their effect.
    pub async fn wait(&self, path: &str, expected: Value) -> Result<Value, Unexpected> {
        self.show_request(&Method::GET, path, None)?;
        let expected = Expected { status: 200, body: expected };
        let started = Instant::now();
        loop {
            let answer = self.rest.get(path).await?;
            let checked = check(&answer, &expected);
            if checked.is_err() && started.elapsed() < EFFECT_TIMEOUT {
                sleep(POLL_INTERVAL).await;
                continue;
            }
            self.show_answer(&answer, checked.is_ok())?;
            return match checked {
                Ok(()) => Ok(answer.body),
                Err(unexpected) => Err(Unexpected::StillNot(unexpected.to_string())),
            };
        }
    }

    pub fn end(&self, outcome: &Result<(), Unexpected>) -> Result<(), OutputError> {
        match outcome {
            Ok(()) => print(&self.paint.text(GOOD, "\nAll answers are as expected.")),
            Err(unexpected) => {
                let line = telemetry::chain(unexpected);
                print(&self.paint.text(BAD, format_args!("\nUnexpected: {}", printable(&line))))
            }
        }
    }

    fn show_request(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<(), OutputError> {
        let body = body.map(|body| format!("  {body}")).unwrap_or_default();
        let line = format!("   {method} {}{path}{body}", self.rest.base());
        print(&self.paint.text(REQUEST, printable(&line)))
    }

    fn show_answer(&self, answer: &Answer, good: bool) -> Result<(), OutputError> {
        let style: Style = if good { GOOD } else { BAD };
        print(&self.paint.text(style, format_args!("   {}", answer.status)))?;
        if !answer.body.is_null() {
            let body = format!("{:#}", answer.body);
            for line in printable_json(&body).lines() {
                print(&self.paint.text(QUIET, format_args!("   {line}")))?;
            }
        }
        Ok(())
    }
}

fn check(answer: &Answer, expected: &Expected) -> Result<(), Unexpected> {
    if answer.status != expected.status {
        return Err(Unexpected::Status { expected: expected.status, status: answer.status });
    }
    difference(&answer.body, &expected.body).map_or(Ok(()), |line| Err(Unexpected::Body(line)))
}
