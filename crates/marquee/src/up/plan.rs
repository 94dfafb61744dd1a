//! The flags of `marquee up`.

use crate::fleet::Fleet;

/// The fleet to start.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub struct Up {
    #[command(flatten)]
    pub fleet: Fleet,

    /// Does not create the demo program: three movies in two halls, for a week. It is created only if no
    /// future screening exists.
    #[arg(long)]
    pub no_demo_data: bool,

    /// Prints all log lines of all processes. Otherwise, it prints only warnings and errors; the log files
    /// always contain everything, and `marquee logs` prints them.
    #[arg(long, short)]
    pub verbose: bool,
}
