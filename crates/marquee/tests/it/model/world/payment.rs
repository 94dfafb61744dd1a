//! Payment, and the provider with its accounts.

use ::book::domain::PaymentAnswer;
use ::payment::domain::{Change, Charge, Payment, Reference, Row, Status};
use events::{BookingId, PaymentId, Price};
use jiff::Timestamp;

use super::{Fate, Flaw, Pending, Service, World};

/// The provider declines higher amounts.
pub const DECLINES_OVER: i64 = 10_000;

/// The provider's record of a booking's reference.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    pub charges: u32,
    pub refunds: u32,
    pub amount: i64,
    pub is_canceled: bool,
}

impl Account {
    pub fn is_charged(&self) -> bool {
        self.charges > self.refunds
    }

    fn refunded(&self) -> Option<Price> {
        (self.refunds > 0).then(|| Price::parse(self.amount).unwrap())
    }
}

impl World {
    /// Payment receives a request: it answers from its record, or begins to charge.
    pub(super) fn begin_charge(&mut self, booking_id: BookingId, attempt: u64) {
        let price = Price::parse(self.bookings[&booking_id].amount_due().get()).unwrap();
        let charge = Charge { booking_id, price };
        match self.payments.get(&booking_id) {
            Some(known) => self.answer(attempt, answer_of(known, charge)),
            None => self.pending.push(Pending::Charge { charge, is_charged: false, attempt }),
        }
    }

    /// Payment calls the provider. The request or its answer may be lost, late or duplicated.
    pub(super) fn charge(&mut self, charge: Charge, attempt: u64, fate: Fate) {
        match fate {
            Fate::Arrives => match self.provider_charges(charge) {
                Some(true) => self.pending.push(Pending::Charge { charge, is_charged: true, attempt }),
                Some(false) => self.answer(attempt, PaymentAnswer::Declined),
                None => {}
            },
            Fate::NotSent => self.answer(attempt, PaymentAnswer::NotReached),
            Fate::Unanswered | Fate::Lost => {
                if fate == Fate::Unanswered {
                    self.provider_charges(charge);
                }
                self.pending.push(Pending::LateCharge(charge));
                if self.flaw == Some(Flaw::ReportsUnknownAsNotCharged) {
                    self.answer(attempt, PaymentAnswer::NotReached);
                }
            }
        }
    }

    /// Returns whether the booking is charged; `None` if another amount was charged under its reference.
    pub(super) fn provider_charges(&mut self, charge: Charge) -> Option<bool> {
        let account = self.provider.entry(charge.booking_id).or_default();
        let amount = charge.price.get();
        if account.is_canceled || (account.charges == 0 && amount > DECLINES_OVER) {
            return Some(false);
        }
        if account.charges == 0 {
            *account = Account { charges: 1, amount, ..*account };
        }
        (account.amount == amount).then_some(true)
    }

    /// Payment's answer reaches book, if the attempt still waits for it.
    pub(super) fn answer(&mut self, for_attempt: u64, with: PaymentAnswer) {
        for pending in &mut self.pending {
            if let Pending::AwaitPayment { attempt, answer, .. } = pending
                && *attempt == for_attempt
            {
                *answer = with;
            }
        }
    }

    pub(super) fn record_payment(&mut self, charge: Charge) -> PaymentAnswer {
        let Some(known) = self.payments.get(&charge.booking_id) else {
            self.insert_payment(charge, Status::Paid);
            return PaymentAnswer::Paid;
        };
        let payment = known.clone().record_charge(charge, &reference(charge.booking_id), self.now);
        let answer = answer_of(&payment, charge);
        self.payments.insert(charge.booking_id, payment);
        answer
    }

    /// An inquiry records a charge that payment does not know.
    pub(super) fn record_unknown_charge(&mut self, booking_id: BookingId) {
        let account = self.provider.get(&booking_id).copied().unwrap_or_default();
        if account.is_charged() && !self.payments.contains_key(&booking_id) {
            let price = Price::parse(account.amount).unwrap();
            self.insert_payment(Charge { booking_id, price }, Status::Paid);
        }
    }

    fn insert_payment(&mut self, charge: Charge, status: Status) {
        let booking_id = charge.booking_id;
        let is_paid = status == Status::Paid;
        let payment = Payment::restore(Row {
            id: PaymentId::new(i64::try_from(self.payments.len() + 1).unwrap()).unwrap(),
            booking_id,
            total_price: charge.price,
            status,
            reference: is_paid.then(|| reference(booking_id)),
            is_refund: false,
            cancel_at: (!is_paid).then_some(self.now),
        });
        let event = payment.event();
        self.payments.insert(booking_id, payment);
        self.append(Service::Payment, event);
    }

    fn change_payment(&mut self, change: Change) {
        self.payments.insert(change.payment.row().booking_id, change.payment);
        self.append(Service::Payment, change.event);
    }

    pub(super) fn cancel_payment(&mut self, booking_id: BookingId, cancel: fn(Payment, Timestamp) -> Change) {
        if let Some(payment) = self.payments.get(&booking_id) {
            return self.change_payment(cancel(payment.clone(), self.now));
        }
        let tombstone = match self.flaw {
            Some(Flaw::NoTombstone) => return,
            Some(Flaw::VoidsWithoutTheProvider) => Status::Voided,
            _ => Status::Canceling,
        };
        self.insert_payment(Charge { booking_id, price: Price::default() }, tombstone);
    }

    /// The refunder runs.
    pub fn refund(&mut self, id: BookingId) {
        if self.payments.get(&id).is_some_and(|payment| payment.status() == Status::Canceling) {
            self.pending.push(Pending::RequestRefund(id));
        }
    }

    pub(super) fn request_refund(&mut self, booking: BookingId, fate: Fate) {
        if matches!(fate, Fate::NotSent | Fate::Lost) {
            return;
        }
        let account = self.provider.entry(booking).or_default();
        *account = Account { refunds: account.charges, is_canceled: true, ..*account };
        let refunded = account.refunded();
        if fate == Fate::Arrives {
            self.pending.push(Pending::RecordRefund { booking, refunded });
        }
    }

    pub(super) fn record_refund(&mut self, booking: BookingId, refunded: Option<Price>) {
        let change = self.payments[&booking].clone().end_cancel(&reference(booking), refunded);
        self.change_payment(change);
    }
}

fn answer_of(payment: &Payment, charge: Charge) -> PaymentAnswer {
    if payment.clone().repeat(charge).is_ok() { PaymentAnswer::Paid } else { PaymentAnswer::Declined }
}

fn reference(booking_id: BookingId) -> Reference {
    Reference::of(&"model".parse().unwrap(), booking_id)
}
