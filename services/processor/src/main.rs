use std::process::ExitCode;

fn main() -> ExitCode {
    processor::main(std::env::args_os())
}
