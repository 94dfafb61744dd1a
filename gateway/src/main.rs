//! The process `gateway`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The steps of the boot are in the library, because the launcher runs them too.
    gateway::main(std::env::args_os())
}
