use std::process::ExitCode;

fn main() -> ExitCode {
    payment::main(std::env::args_os())
}
