//! The process `gateway`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Every step of the boot is in `gateway::run`, where the launcher starts it from too.
    gateway::main(std::env::args_os())
}
