use std::process::ExitCode;

fn main() -> ExitCode {
    point::main(std::env::args_os())
}
