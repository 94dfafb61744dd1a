//! The event that a booking is held, and the screening in a booking's events.

use events::{Held, Screening};

use super::{Booking, Change};

impl Booking {
    /// The booking stays unpaid after its first attempt to pay. `Held` is published once: when the attempt
    /// ends, or, if it was interrupted, with the first inquiry or the next attempt.
    pub(super) fn held(mut self) -> Change {
        if self.row.hold.is_published {
            return self.unchanged();
        }
        self.row.hold.is_published = true;
        let row = &self.row;
        let held = Held {
            id: row.id,
            customer_id: row.customer_id,
            movie_name: row.movie_name.clone(),
            seat: row.seat.clone(),
            qty: Some(row.qty),
            total_price: row.total_price,
            held_until: Some(row.hold.until),
            screening: self.screening(),
        };
        let mut change = self.unchanged();
        change.event = Some(held.into());
        change
    }

    /// The booking's screening, as events carry it.
    pub(super) fn screening(&self) -> Screening {
        let row = &self.row;
        Screening {
            screening_id: row.screening_id,
            theatre: row.theatre.clone(),
            // Halls have no names of their own yet.
            hall: row.theatre.clone(),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
        }
    }
}
