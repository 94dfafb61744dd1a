use std::process::ExitCode;

fn main() -> ExitCode {
    ticket::main(std::env::args_os())
}
