//! A row of the ledger. None ever changes: points that are granted are a second row beside the one that waited.

use events::{BookingId, CustomerId, Event, PointId, UnknownStatus, WaitedPoint, WrittenPoint};
use strum::{Display, EnumString};

/// What a row stands for, spelled as the original service does; a booking has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Status {
    /// There is a ticket; its points come when it is collected. Score 0.
    #[strum(serialize = "Waiting Point")]
    Waiting,
    /// The points were granted.
    Pointed,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    pub booking_id: BookingId,
    pub customer_id: Option<CustomerId>,
    pub score: i64,
    /// What the points are for: the movie's name.
    pub contents: Option<String>,
    pub status: Status,
}

impl Posting {
    /// Points wait for the booking's ticket to be collected.
    pub fn waiting(booking_id: BookingId, customer_id: Option<CustomerId>, contents: Option<String>) -> Self {
        Self { booking_id, customer_id, score: 0, contents, status: Status::Waiting }
    }
}

/// A row that is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    id: PointId,
    posting: Posting,
}

impl Entry {
    /// A row as the store found it.
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

    /// What the others are told of this row.
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
