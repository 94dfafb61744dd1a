//! One file per use case. Requests of customers, events and the reconciler all call these functions.
//!
//! Each works in its caller's transaction and never awaits the network.

mod apply_change;
mod begin_collecting;
mod cancel_ticket;
mod follow_cancel;
mod issue_ticket;
mod resume_collecting;
mod settle_collecting;

pub use begin_collecting::begin_collecting;
pub use cancel_ticket::cancel_ticket;
pub use follow_cancel::follow_cancel;
pub use issue_ticket::issue_ticket;
pub use resume_collecting::resume_collecting;
pub use settle_collecting::settle_collecting;

use events::TicketId;

use crate::domain::CollectRefused;

/// The reason why a ticket was not collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error("there is no ticket {0}")]
    NotFound(TicketId),
    #[error(transparent)]
    Refused(#[from] CollectRefused),
    #[error(transparent)]
    Storage(#[from] storage::Error),
}
