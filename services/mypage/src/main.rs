use std::process::ExitCode;

fn main() -> ExitCode {
    mypage::main(std::env::args_os())
}
