//! `marquee`: see `marquee --help`.

use std::process::ExitCode;

use clap::Parser;
use marquee::cli::{Cli, Command};
use marquee::{audit, backup, data_dir, demo, dlq, load, output, restore, service, up};
use process::EXIT_CONFIG;

/// Not async: each service creates its own runtime, and runtimes cannot be nested.
fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::report_usage(&error, EXIT_CONFIG),
    };
    data_dir::keep_new_files_private();
    match cli.command {
        None => up::run(&cli.up),
        Some(Command::Up { up }) => up::run(&up),
        Some(Command::Service { name, fleet, flags }) => service::run(name, &fleet, flags),
        Some(Command::Demo { target }) => demo::run(&target),
        Some(Command::Load { target, plan }) => load::run(&target, &plan),
        Some(Command::Audit { plan }) => audit::run(&plan),
        Some(Command::Backup { plan }) => backup::run(&plan),
        Some(Command::Restore { plan }) => restore::run(&plan),
        Some(Command::Dlq { command }) => dlq::run(&command),
    }
}
