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

    /// Puts back the files from before an unfinished restore. Charges that the restore has refunded stay
    /// refunded, so their bookings are canceled.
    #[arg(long, conflicts_with = "from")]
    pub undo: bool,

    /// Maximum number of charges to refund. If there are more, the restore ends with exit code 1, and
    /// continues when it is run again.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub max_refunds: u32,
}
