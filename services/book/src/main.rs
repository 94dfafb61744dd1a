use std::process::ExitCode;

fn main() -> ExitCode {
    book::main(std::env::args_os())
}
