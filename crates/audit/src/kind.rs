//! Every way in which a story can be wrong.

use events::UnknownStatus;
use serde::{Serialize, Serializer};
use strum::{Display, EnumString, VariantArray};

/// The kind of a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Kind {
    /// A booking is confirmed, but has no payment.
    BookingUnpaid,
    /// A payment is kept although its booking does not exist or has ended.
    PaymentOrphaned,
    /// A payment was made, but its booking still waits for it.
    PaymentUnsettled,
    /// The amount of a payment or a charge differs from the price of the booking.
    AmountWrong,
    /// A booking has more than one payment.
    PaymentDoubled,
    /// A payment was refunded although the ticket was collected.
    RefundOfCollected,
    /// A payment was refunded although the booking is confirmed.
    RefundOfLive,
    /// The provider keeps a charge that no service will refund.
    ChargeOrphaned,
    /// The provider keeps more than one charge for a booking.
    ChargeDoubled,
    /// A payment names a charge that the provider never made.
    ChargeMissing,
    /// A payment is refunded according to its service, but the provider keeps the charge.
    RefundMissing,
    /// A refund began long ago, but the provider has not confirmed it.
    RefundUnfinished,
    /// The provider refunded a payment that is kept, or a charge that it never made.
    RefundUnfounded,
    /// Two live bookings have the same seat.
    SeatSoldTwice,
    /// A live booking has a seat that it does not claim.
    ClaimMissing,
    /// A seat is claimed by a booking that has ended, or that does not have this seat.
    ClaimLeft,
    /// The number of places left at a screening does not match its bookings.
    PlacesWrong,
    /// A booking waits for its payment although its hold has expired.
    HoldOverdue,
    /// A cancellation began, but has not ended.
    CancelUnfinished,
    /// A confirmed booking has no ticket that can be collected.
    TicketMissing,
    /// A ticket that can be collected, or was, has no confirmed booking.
    TicketUnfounded,
    /// A booking has more than one ticket.
    TicketDoubled,
    /// A ticket names another screening than its booking.
    TicketDiffers,
    /// The ticket and the booking disagree on whether the ticket was collected.
    CollectionUntold,
    /// A collection began, but has not ended.
    CollectionUnfinished,
    /// A collected ticket did not earn exactly 100 points.
    PointsWrong,
    /// Points were granted although no ticket was collected.
    PointsUnearned,
    /// Points were granted more than once.
    AwardDoubled,
    /// mypage does not show a booking that its customer must see.
    MypageMissing,
    /// mypage shows a booking that its customer must not see.
    MypageExtra,
    /// mypage shows a booking with wrong values.
    MypageDiffers,
    /// An event has waited in an outbox for too long.
    EventUnsent,
    /// A row contains a value that no service understands.
    RowUnreadable,
}

impl Kind {
    /// All kinds, in their order.
    pub const ALL: &[Self] = Self::VARIANTS;
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
