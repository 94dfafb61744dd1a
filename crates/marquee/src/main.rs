//! `marquee`: see `marquee --help`.

use std::process::ExitCode;

use clap::CommandFactory;
use marquee::cli::{Cli, Command};
use marquee::{
    audit, backup, completions, data_dir, demo, dlq, load, log_file, logs, output, restore, service, status,
    stop, trace, up,
};
use process::EXIT_CONFIG;

/// Not async: each service creates its own runtime, and runtimes cannot be nested.
fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return output::report_usage(&error, EXIT_CONFIG),
    };
    data_dir::keep_new_files_private();
    match cli.command {
        None => up::run(&cli.up),
        Some(Command::Up { up }) => up::run(&up),
        Some(Command::Service { name, fleet, supervised, flags }) => {
            service::run(name, &fleet, supervised, flags)
        }
        Some(Command::WriteLog { file }) => log_file::copy_input(&file),
        Some(Command::Status { on }) => status::run(&on),
        Some(Command::Stop { on }) => stop::run(&on),
        Some(Command::Logs { plan }) => logs::run(&plan),
        Some(Command::Trace { plan }) => trace::run(&plan),
        Some(Command::Completions { shell }) => completions::run(shell, Cli::command()),
        Some(Command::Demo { target }) => demo::run(&target),
        Some(Command::Load { target, plan }) => load::run(&target, &plan),
        Some(Command::Audit { plan }) => audit::run(&plan),
        Some(Command::Backup { plan }) => backup::run(&plan),
        Some(Command::Restore { plan }) => restore::run(&plan),
        Some(Command::Dlq { command }) => dlq::run(&command),
    }
}
