//! A valid request to grant points.

use events::{BookingId, CustomerId, Invalid};

use crate::domain::entry::{Entry, Posting, Status};

/// The range of points for one booking.
const SCORE: std::ops::RangeInclusive<i64> = 1..=10_000;
/// Maximum length of `contents` in characters, which is that of a movie's name.
const CONTENTS_MAX: usize = 200;

/// Points for one booking's ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub booking_id: BookingId,
    pub customer_id: Option<CustomerId>,
    pub score: Score,
    pub contents: Option<String>,
}

impl Grant {
    /// Checks every field.
    ///
    /// # Errors
    ///
    /// All invalid fields.
    pub fn parse(
        booking_id: Option<BookingId>,
        customer_id: Option<CustomerId>,
        score: Option<i64>,
        contents: Option<String>,
        status: Option<&str>,
    ) -> Result<Self, Vec<Invalid>> {
        let mut invalid = Vec::new();
        let mut wrong = |field, detail: String| invalid.push(Invalid::new(field, detail));
        if booking_id.is_none() {
            wrong("bookingId", "is required".to_owned());
        }
        let score = score.map_or(Ok(Score::default()), Score::parse);
        if let Err(detail) = &score {
            wrong("score", detail.clone());
        }
        if contents.as_ref().is_some_and(|text| text.chars().count() > CONTENTS_MAX) {
            wrong("contents", format!("must have at most {CONTENTS_MAX} characters"));
        }
        if !matches!(status, None | Some("Pointed")) {
            wrong("status", "must be \"Pointed\" or omitted".to_owned());
        }
        match (booking_id, score) {
            (Some(booking_id), Ok(score)) if invalid.is_empty() => {
                Ok(Self { booking_id, customer_id, score, contents })
            }
            _ => Err(invalid),
        }
    }

    /// The row that grants the points. It takes the fields that the request omits from the `waiting` row.
    pub fn posting(self, waiting: Option<Entry>) -> Posting {
        let waiting = waiting.map(Entry::into_posting);
        let (customer_id, contents) = waiting.map_or((None, None), |row| (row.customer_id, row.contents));
        Posting {
            booking_id: self.booking_id,
            customer_id: self.customer_id.or(customer_id),
            score: self.score.get(),
            contents: self.contents.or(contents),
            status: Status::Pointed,
        }
    }
}

/// A number of points, from 1 to 10,000; 100 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score(i64);

impl Score {
    /// Parses a score.
    ///
    /// # Errors
    ///
    /// When `score` is out of range.
    pub fn parse(score: i64) -> Result<Self, String> {
        if SCORE.contains(&score) {
            Ok(Self(score))
        } else {
            Err(format!("must be from {} to {}", SCORE.start(), SCORE.end()))
        }
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

impl Default for Score {
    fn default() -> Self {
        Self(100)
    }
}

#[cfg(test)]
mod tests {
    use events::PointId;
    use proptest::prelude::*;

    use super::*;

    fn booking() -> Option<BookingId> {
        BookingId::new(1).ok()
    }

    fn customer(id: i64) -> Option<CustomerId> {
        CustomerId::new(id).ok()
    }

    fn waiting(customer_id: Option<CustomerId>, contents: Option<&str>) -> Entry {
        let posting = Posting::waiting(booking().unwrap(), customer_id, contents.map(str::to_owned));
        Entry::restore(PointId::new(3).unwrap(), posting)
    }

    proptest! {
        #[test]
        fn score_is_valid_only_in_its_range(score: i64) {
            prop_assert_eq!(Score::parse(score).is_ok(), (1..=10_000).contains(&score));
        }

        #[test]
        fn waiting_row_provides_only_the_omitted_fields(
            own in proptest::option::of(1..99_i64),
            other in proptest::option::of(1..99_i64),
            score in 1..=10_000_i64,
        ) {
            let grant = Grant::parse(booking(), own.and_then(customer), Some(score), None, None).unwrap();
            let row = grant.posting(Some(waiting(other.and_then(customer), Some("soul"))));
            prop_assert_eq!(row.customer_id.map(CustomerId::get), own.or(other));
            prop_assert_eq!((row.score, row.contents.as_deref()), (score, Some("soul")));
        }
    }

    #[test]
    fn booking_id_alone_grants_a_hundred_points() {
        let grant = Grant::parse(booking(), None, None, None, None).unwrap();
        assert_eq!(grant.score.get(), 100);
        let row = grant.posting(None);
        assert_eq!((row.score, row.status), (100, Status::Pointed));
        assert_eq!((row.customer_id, row.contents), (None, None));
    }

    #[test]
    fn all_invalid_fields_are_listed() {
        let long = "x".repeat(201);
        let invalid = Grant::parse(None, None, Some(0), Some(long), Some("Waiting Point")).unwrap_err();
        let fields: Vec<&str> = invalid.iter().map(|one| one.field).collect();
        assert_eq!(fields, ["bookingId", "score", "contents", "status"]);
    }
}
