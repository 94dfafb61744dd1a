//! The flags of `marquee restore`.

use std::path::PathBuf;

use crate::fleet::Fleet;

#[derive(clap::Args, Debug)]
pub struct Plan {
    #[command(flatten)]
    pub fleet: Fleet,

    /// Directory of the backup.
    #[arg(long, value_name = "DIR", required_unless_present = "undo")]
    pub from: Option<PathBuf>,

    /// Puts back what was there before a restore that is not finished. Charges that it has returned stay returned, so their
    /// bookings are canceled.
    #[arg(long, conflicts_with = "from")]
    pub undo: bool,

    /// Maximum number of charges that the payment provider is asked to return. If there are more, the restore ends with exit
    /// code 1, and goes on when it is run again.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub max_refunds: u32,
}
