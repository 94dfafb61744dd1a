//! Every way in which a story can be wrong.

use events::UnknownStatus;
use serde::{Serialize, Serializer};
use strum::{Display, EnumString, VariantArray};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Kind {
    /// Booked, and no money was taken for it.
    BookingUnpaid,
    /// Money is kept for what is no booking, or none any more.
    PaymentOrphaned,
    /// Money was taken, and the booking still waits for it.
    PaymentUnsettled,
    /// Another amount was taken than the booking costs.
    AmountWrong,
    /// A booking has more than one payment.
    PaymentDoubled,
    /// Money went back though the ticket was collected.
    RefundOfCollected,
    /// Money went back, and the booking lives.
    RefundOfLive,
    /// The provider keeps a charge, and nothing that the services keep would bring it back.
    ChargeOrphaned,
    /// The provider keeps more than one charge for a booking.
    ChargeDoubled,
    /// A payment names a charge that the provider never made.
    ChargeMissing,
    /// A payment says that its money went back, and the provider keeps the charge.
    RefundMissing,
    /// A refund was begun long ago, and the provider has not confirmed it.
    RefundUnfinished,
    /// The provider gave money back that was not to go back, or that it never had.
    RefundUnfounded,
    /// A seat has two bookings that live.
    SeatSoldTwice,
    /// A booking lives, and its seat is free for others.
    ClaimMissing,
    /// A seat is kept for a booking that has ended, or does not have it.
    ClaimLeft,
    /// The places left at a screening are not what its bookings leave.
    PlacesWrong,
    /// A booking waits for its payment though its hold has run out.
    HoldOverdue,
    /// A cancel was begun and has not ended.
    CancelUnfinished,
    /// Booked, and there is no ticket that could be collected.
    TicketMissing,
    /// A ticket can be collected, or was, for what is no booking.
    TicketUnfounded,
    /// A booking has more than one ticket.
    TicketDoubled,
    /// A ticket names another screening than its booking has.
    TicketDiffers,
    /// Ticket and booking do not agree on whether it was collected.
    CollectionUntold,
    /// A ticket is being collected and stays so.
    CollectionUnfinished,
    /// A collected ticket did not earn exactly 100 points.
    PointsWrong,
    /// Points were granted though no ticket was collected.
    PointsUnearned,
    /// Points were granted more than once.
    AwardDoubled,
    /// Booked, and its customer does not see it.
    MypageMissing,
    /// A customer sees what is no booking.
    MypageExtra,
    /// A customer sees something else than is true.
    MypageDiffers,
    /// An event waits to be sent for too long.
    EventUnsent,
    /// A row says something that no service understands.
    RowUnreadable,
}

impl Kind {
    /// All of them, in their order.
    pub const ALL: &[Self] = Self::VARIANTS;
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
