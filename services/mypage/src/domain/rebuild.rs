//! How far a rebuild is.

use events::UnknownStatus;
use strum::{Display, EnumString};

/// What is being done with the shadow, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Stage {
    /// It is emptied; nobody else writes to it.
    Clearing,
    /// It gets every event: the old ones from the rebuild, the new ones from the consumers.
    Telling,
    /// It has taken the place of the view, and the old one is the shadow now. Nobody else writes to that.
    Shown,
}
