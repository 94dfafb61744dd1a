//! A row of the ledger. Rows never change: granted points are a second row beside the waiting one.

use events::{BookingId, CustomerId, Event, PointId, UnknownStatus, WaitedPoint, WrittenPoint};
use strum::{Display, EnumString};

/// The kind of a row, in the original service's spelling. A booking has at most one row of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Status {
    /// The ticket is not collected yet. Score 0.
    #[strum(serialize = "Waiting Point")]
    Waiting,
    /// The points are granted.
    Pointed,
}

/// The fields of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    pub booking_id: BookingId,
    pub customer_id: Option<CustomerId>,
    pub score: i64,
    /// The name of the movie that the points are for.
    pub contents: Option<String>,
    pub status: Status,
}

impl Posting {
    /// The waiting row of a booking.
    pub fn waiting(booking_id: BookingId, customer_id: Option<CustomerId>, contents: Option<String>) -> Self {
        Self { booking_id, customer_id, score: 0, contents, status: Status::Waiting }
    }
}

/// A row in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    id: PointId,
    posting: Posting,
}

impl Entry {
    /// The row with the fields that the store has read.
    pub fn restore(id: PointId, posting: Posting) -> Self {
        Self { id, posting }
    }

    pub fn id(&self) -> PointId {
        self.id
    }

    pub fn posting(&self) -> &Posting {
        &self.posting
    }

    pub fn into_posting(self) -> Posting {
        self.posting
    }

    /// The event that announces this row.
    pub fn event(&self) -> Event {
        let row = self.posting.clone();
        let (score, status) = (Some(row.score), Some(row.status.to_string()));
        match row.status {
            Status::Waiting => Event::from(WaitedPoint {
                id: self.id,
                booking_id: row.booking_id,
                score,
                contents: row.contents,
                status,
            }),
            Status::Pointed => Event::from(WrittenPoint {
                id: self.id,
                booking_id: row.booking_id,
                customer_id: row.customer_id,
                score,
                contents: row.contents,
                status,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_row_has_its_event() {
        let waiting = Posting::waiting(BookingId::new(1).unwrap(), None, None);
        let pointed = Posting { score: 100, status: Status::Pointed, ..waiting.clone() };
        let id = PointId::new(3).unwrap();
        assert_eq!(Entry::restore(id, waiting).event().event_type(), "WaitedPoint");
        assert_eq!(Entry::restore(id, pointed).event().event_type(), "WrittenPoint");
    }
}
