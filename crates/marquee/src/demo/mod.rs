//! `marquee demo`: walks through the whole scenario on a running fleet.
//!
//! # Layout
//!
//! - `scenario`: the scenario, step by step.
//! - `walk`: makes a call, prints it, and compares the answer with the expected one.

mod scenario;
mod walk;

use std::process::ExitCode;

use crate::target::Target;
use walk::{Unexpected, Walk};

pub fn run(target: &Target) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return crate::output::fail(&error),
    };
    if let Err(error) = runtime.block_on(target.answers()) {
        return crate::output::fail(&error);
    }
    let mut walk = Walk::new(&target.gateway());
    let outcome = runtime.block_on(scenario::play(&mut walk));
    if let Err(Unexpected::Output(error)) = &outcome {
        return crate::output::fail(error);
    }
    match (walk.end(&outcome), outcome) {
        (Err(error), _) => crate::output::fail(&error),
        (Ok(()), Ok(())) => ExitCode::SUCCESS,
        (Ok(()), Err(_)) => ExitCode::FAILURE,
    }
}
