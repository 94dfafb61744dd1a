//! `marquee`: see `marquee --help`.

use std::process::ExitCode;

use clap::Parser;
use marquee::cli::{Cli, Command};
use marquee::{audit, demo, dlq, load, service, up};
use service_kit::config::EXIT_CONFIG;

/// Not async: a service brings a runtime of its own, and two cannot be nested.
fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed terminal is no reason to panic.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_CONFIG) } else { ExitCode::SUCCESS };
        }
    };
    match cli.command {
        None => up::run(&cli.up),
        Some(Command::Up { up }) => up::run(&up),
        Some(Command::Service { name, fleet, flags }) => service::run(name, &fleet, flags),
        Some(Command::Demo { target }) => demo::run(&target),
        Some(Command::Load { target, plan }) => load::run(&target, &plan),
        Some(Command::Audit { plan }) => audit::run(&plan),
        Some(Command::Dlq { command }) => dlq::run(&command),
    }
}
