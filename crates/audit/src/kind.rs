//! Every way in which a story can be wrong.

use serde::{Serialize, Serializer};

events::statuses! {
    /// What is wrong.
    pub enum Kind {
        /// Booked, and no money was taken for it.
        BookingUnpaid = "booking-unpaid",
        /// Money is kept for what is no booking, or none any more.
        PaymentOrphaned = "payment-orphaned",
        /// Money was taken, and the booking still waits for it.
        PaymentUnsettled = "payment-unsettled",
        /// Another amount was taken than the booking costs.
        AmountWrong = "amount-wrong",
        /// A booking has more than one payment.
        PaymentDoubled = "payment-doubled",
        /// Money went back though the ticket was collected.
        RefundOfCollected = "refund-of-collected",
        /// Money went back, and the booking lives.
        RefundOfLive = "refund-of-live",
        /// The provider keeps a charge, and nothing that the services keep would bring it back.
        ChargeOrphaned = "charge-orphaned",
        /// The provider keeps more than one charge for a booking.
        ChargeDoubled = "charge-doubled",
        /// A payment names a charge that the provider never made.
        ChargeMissing = "charge-missing",
        /// A payment says that its money went back, and the provider keeps the charge.
        RefundMissing = "refund-missing",
        /// A refund was begun long ago, and the provider has not confirmed it.
        RefundUnfinished = "refund-unfinished",
        /// The provider gave money back that was not to go back, or that it never had.
        RefundUnfounded = "refund-unfounded",
        /// A seat has two bookings that live.
        SeatSoldTwice = "seat-sold-twice",
        /// A booking lives, and its seat is free for others.
        ClaimMissing = "claim-missing",
        /// A seat is kept for a booking that has ended, or does not have it.
        ClaimLeft = "claim-left",
        /// The places left at a screening are not what its bookings leave.
        PlacesWrong = "places-wrong",
        /// A booking waits for its payment though its hold has run out.
        HoldOverdue = "hold-overdue",
        /// A cancel was begun and has not ended.
        CancelUnfinished = "cancel-unfinished",
        /// Booked, and there is no ticket that could be collected.
        TicketMissing = "ticket-missing",
        /// A ticket can be collected, or was, for what is no booking.
        TicketUnfounded = "ticket-unfounded",
        /// A booking has more than one ticket.
        TicketDoubled = "ticket-doubled",
        /// A ticket names another screening than its booking has.
        TicketDiffers = "ticket-differs",
        /// Ticket and booking do not agree on whether it was collected.
        CollectionUntold = "collection-untold",
        /// A ticket is being collected and stays so.
        CollectionUnfinished = "collection-unfinished",
        /// A collected ticket did not earn exactly 100 points.
        PointsWrong = "points-wrong",
        /// Points were granted though no ticket was collected.
        PointsUnearned = "points-unearned",
        /// Points were granted more than once.
        AwardDoubled = "award-doubled",
        /// Booked, and its customer does not see it.
        MypageMissing = "mypage-missing",
        /// A customer sees what is no booking.
        MypageExtra = "mypage-extra",
        /// A customer sees something else than is true.
        MypageDiffers = "mypage-differs",
        /// An event waits to be sent for too long.
        EventUnsent = "event-unsent",
        /// A row says something that no service understands.
        RowUnreadable = "row-unreadable",
    }
}

impl Kind {
    /// All of them, in their order.
    pub const ALL: [Self; 33] = [
        Self::BookingUnpaid,
        Self::PaymentOrphaned,
        Self::PaymentUnsettled,
        Self::AmountWrong,
        Self::PaymentDoubled,
        Self::RefundOfCollected,
        Self::RefundOfLive,
        Self::ChargeOrphaned,
        Self::ChargeDoubled,
        Self::ChargeMissing,
        Self::RefundMissing,
        Self::RefundUnfinished,
        Self::RefundUnfounded,
        Self::SeatSoldTwice,
        Self::ClaimMissing,
        Self::ClaimLeft,
        Self::PlacesWrong,
        Self::HoldOverdue,
        Self::CancelUnfinished,
        Self::TicketMissing,
        Self::TicketUnfounded,
        Self::TicketDoubled,
        Self::TicketDiffers,
        Self::CollectionUntold,
        Self::CollectionUnfinished,
        Self::PointsWrong,
        Self::PointsUnearned,
        Self::AwardDoubled,
        Self::MypageMissing,
        Self::MypageExtra,
        Self::MypageDiffers,
        Self::EventUnsent,
        Self::RowUnreadable,
    ];
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
