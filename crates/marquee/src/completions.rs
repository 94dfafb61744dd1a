//! `marquee completions`: prints the script that completes the commands and flags in a shell.

use std::process::ExitCode;

use clap::Command;
use clap_complete::{Shell as Generator, generate};

use crate::output::print;

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub fn run(shell: Shell, command: Command) -> ExitCode {
    match print(script(shell, command).trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::output::fail(&error),
    }
}

fn script(shell: Shell, mut command: Command) -> String {
    let generator = match shell {
        Shell::Bash => Generator::Bash,
        Shell::Zsh => Generator::Zsh,
        Shell::Fish => Generator::Fish,
    };
    let mut script = Vec::new();
    generate(generator, &mut command, "marquee", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
