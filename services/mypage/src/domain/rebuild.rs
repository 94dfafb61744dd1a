//! The stages of a rebuild.

use events::UnknownStatus;
use strum::{Display, EnumString};

/// The stage of a rebuild; stages follow each other in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Stage {
    /// The rebuild empties the shadow, and nobody else writes to it.
    Clearing,
    /// The shadow is open: the rebuild writes the old events to it, and the consumers write the new ones.
    ///
    /// Databases have it as `Telling`, the name that it had in earlier versions.
    #[strum(serialize = "Telling")]
    Filling,
    /// The shadow has replaced the view, and the old view is the shadow, to which nobody else writes.
    Shown,
}
