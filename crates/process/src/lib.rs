//! From `main` to exit, for every process of the fleet.
//!
//! # Layout
//!
//! - [`run`], [`ProcessSettings`] (`run`): reads the configuration, starts telemetry and the runtime, returns
//!   the exit code.
//! - [`parse`], [`EXIT_CONFIG`] (`arguments`): the configuration from the command line and the environment.
//! - `healthcheck`: `--healthcheck` asks a running process whether it is ready.
//! - [`stop_signal`] (`stop`): SIGTERM, SIGINT or the end of standard input.
//! - [`Background`] (`background`): a task beside the server.
//! - [`StartError`] (`error`): why a process could not start.
//! - [`crash`]: aborts at a named gap, in tests.
//! - [`VERSION`] (`version`).

mod arguments;
mod background;
pub mod crash;
mod error;
mod healthcheck;
mod run;
mod stop;
mod version;

pub use arguments::{EXIT_CONFIG, parse};
pub use background::Background;
pub use error::StartError;
pub use run::{ProcessSettings, run};
pub use stop::stop_signal;
pub use version::VERSION;
