//! A screening: its seats or places, and their prices.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use events::text::{self, NAME_MAX, NotAName};
use events::{Name, ScreeningId, UnknownStatus};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use strum::{Display, EnumString};

use super::order::{Invalid, Order, Price, SEAT_MAX, seat_name};

/// Maximum number of rows, and of seats, of a hall; maximum number of places in general admission.
const ROWS_MAX: usize = 100;
const SEATS_MAX: usize = 2_000;
const CAPACITY_MAX: i64 = 1_000_000;
/// How long a movie may run, and the default, in minutes.
const RUNNING_MINUTES: RangeInclusive<i64> = 1..=600;
const USUAL_RUNNING_MINUTES: i64 = 120;
/// The letter for an aisle.
const AISLE: char = '_';
/// Maximum time from the start of a screening to its end.
pub const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(*RUNNING_MINUTES.end());

/// A screening that staff announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub movie_name: Name,
    pub theatre: Name,
    pub starts_at: Timestamp,
    /// The start plus the running time.
    pub ends_at: Timestamp,
    pub admission: Admission,
}

/// Whether places are numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Every place is a numbered seat.
    Seated { rows: Vec<Row>, seats: Vec<Seat> },
    /// Places are not numbered.
    General { capacity: i64, price: Price },
}

/// One row of a hall, as staff announce it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The part of a seat's name before its letter: `1` of `1A`.
    pub name: String,
    /// Letters from left to right, one for each seat; `_` is an aisle.
    pub seats: String,
    pub price_class: String,
    /// The letters of its wheelchair seats.
    pub accessible: String,
    /// The letters of the companion seats beside them.
    pub companion: String,
}

/// What a seat is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum SeatKind {
    Standard,
    /// A wheelchair seat.
    Accessible,
    /// Beside a wheelchair seat.
    Companion,
}

/// A seat and its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Row and letter: `1A`.
    pub name: String,
    pub row: String,
    /// From the screen to the back, from 0.
    pub row_number: i64,
    /// From left to right, from 0; an aisle has a number too.
    pub column_number: i64,
    pub kind: SeatKind,
    pub price_class: String,
    pub price: Price,
}

/// The fields that staff send, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub movie_name: Option<String>,
    pub theatre: Option<String>,
    pub starts_at: Option<Timestamp>,
    /// 120 if absent.
    pub running_minutes: Option<i64>,
    pub rows: Option<Vec<Row>>,
    pub prices: BTreeMap<String, i64>,
    pub capacity: Option<i64>,
    pub price: Option<i64>,
}

impl Announcement {
    /// Checks all fields.
    ///
    /// # Errors
    ///
    /// All invalid fields.
    pub fn parse(draft: Draft) -> Result<Self, Vec<Invalid>> {
        let mut invalid = Vec::new();
        let movie_name = name("movieName", draft.movie_name, &mut invalid);
        let theatre = name("theatre", draft.theatre, &mut invalid);
        let times = times(draft.starts_at, draft.running_minutes, &mut invalid);
        let admission = match (draft.rows, draft.capacity) {
            (Some(rows), None) => seated(rows, &draft.prices, &mut invalid),
            (None, Some(capacity)) => general(capacity, draft.price, &mut invalid),
            _ => {
                let detail =
                    "exactly one of hall (rows of seats) and capacity (general admission) is required";
                invalid.push(Invalid::new("hall", detail));
                None
            }
        };
        match (movie_name, theatre, times, admission) {
            (Some(movie_name), Some(theatre), Some((starts_at, ends_at)), Some(admission))
                if invalid.is_empty() =>
            {
                Ok(Self { movie_name, theatre, starts_at, ends_at, admission })
            }
            _ => Err(invalid),
        }
    }
}

/// Checks that a screening starts in the future, and at most a year ahead.
///
/// # Errors
///
/// `startsAt`, when it is in the past or too far ahead.
pub fn check_start(starts_at: Timestamp, now: Timestamp) -> Result<(), Vec<Invalid>> {
    let latest = now.to_zoned(TimeZone::UTC).saturating_add(1.year()).timestamp();
    let detail = match starts_at {
        past if past <= now => "must not be in the past",
        late if late > latest => "must be at most a year ahead",
        _ => return Ok(()),
    };
    Err(vec![Invalid::new("startsAt", detail)])
}

fn name(field: &'static str, name: Option<String>, invalid: &mut Vec<Invalid>) -> Option<Name> {
    match Name::parse(&name.unwrap_or_default(), NAME_MAX) {
        Ok(name) => return Some(name),
        Err(NotAName::Blank) => invalid.push(Invalid::new(field, "is required")),
        Err(error) => invalid.push(Invalid::new(field, error.to_string())),
    }
    None
}

/// The start and the end.
fn times(
    starts_at: Option<Timestamp>,
    minutes: Option<i64>,
    invalid: &mut Vec<Invalid>,
) -> Option<(Timestamp, Timestamp)> {
    let minutes = minutes.unwrap_or(USUAL_RUNNING_MINUTES);
    if !RUNNING_MINUTES.contains(&minutes) {
        let (least, most) = (RUNNING_MINUTES.start(), RUNNING_MINUTES.end());
        invalid.push(Invalid::new("runningMinutes", format!("must be from {least} to {most}")));
        return None;
    }
    let Some(starts_at) = starts_at else {
        invalid.push(Invalid::new("startsAt", "is required, such as 2026-12-01T19:30:00+09:00"));
        return None;
    };
    let ends_at = starts_at.checked_add(SignedDuration::from_mins(minutes));
    if ends_at.is_err() {
        invalid.push(Invalid::new("startsAt", "is too far in the future"));
    }
    Some((starts_at, ends_at.ok()?))
}

fn general(capacity: i64, price: Option<i64>, invalid: &mut Vec<Invalid>) -> Option<Admission> {
    if !(1..=CAPACITY_MAX).contains(&capacity) {
        invalid.push(Invalid::new("capacity", format!("must be from 1 to {CAPACITY_MAX}")));
    }
    match price.map(Price::parse) {
        Some(Ok(price)) => return Some(Admission::General { capacity, price }),
        Some(Err(error)) => invalid.push(Invalid::new("price", error.to_string())),
        None => invalid.push(Invalid::new("price", "is required")),
    }
    None
}

fn seated(rows: Vec<Row>, prices: &BTreeMap<String, i64>, invalid: &mut Vec<Invalid>) -> Option<Admission> {
    let prices = price_list(prices, invalid);
    let mut wrong = |detail: String| invalid.push(Invalid::new("hall", detail));
    if rows.is_empty() || rows.len() > ROWS_MAX {
        wrong(format!("must have from 1 to {ROWS_MAX} rows"));
        return None;
    }
    let mut seats = Vec::<Seat>::new();
    for (row_number, row) in (0..).zip(&rows) {
        let price = match prices.get(&text::stored_key(&row.price_class)).copied().map(Price::parse) {
            Some(Ok(price)) => price,
            Some(Err(error)) => {
                wrong(format!("the price of {:?} {error}", row.price_class));
                continue;
            }
            None => {
                wrong(format!("row {:?}: prices has no price for {:?}", row.name, row.price_class));
                continue;
            }
        };
        for named in [&row.name, &row.price_class] {
            match Name::parse(named, NAME_MAX) {
                // A row needs no name, and the class was found above.
                Ok(_) | Err(NotAName::Blank) => {}
                Err(error) => wrong(format!("row {named:?} {error}")),
            }
        }
        let letters = normal_letters(&row.seats);
        for special in normal_letters(&row.accessible).iter().chain(&normal_letters(&row.companion)) {
            if !letters.contains(special) {
                wrong(format!("row {:?} has no seat {special}", row.name));
            }
        }
        let aisle = AISLE.to_string();
        for (column_number, letter) in (0..).zip(&letters).filter(|(_, letter)| **letter != aisle) {
            match row.seat(letter, row_number, column_number, price) {
                Ok(seat) if seats.iter().any(|other| other.name == seat.name) => {
                    wrong(format!("seat {} occurs twice", seat.name));
                }
                Ok(seat) => seats.push(seat),
                Err(detail) => wrong(detail),
            }
        }
    }
    if seats.is_empty() || seats.len() > SEATS_MAX {
        wrong(format!("must have from 1 to {SEATS_MAX} seats"));
    }
    Some(Admission::Seated { rows, seats })
}

/// The price of each class, by the key of its name.
fn price_list(prices: &BTreeMap<String, i64>, invalid: &mut Vec<Invalid>) -> BTreeMap<String, i64> {
    let mut list = BTreeMap::new();
    for (class, price) in prices {
        match Name::parse(class, NAME_MAX) {
            Ok(name) => {
                if list.insert(name.key().to_owned(), *price).is_some() {
                    invalid.push(Invalid::new("prices", format!("has {class:?} twice")));
                }
            }
            Err(error) => {
                invalid.push(Invalid::new("prices", format!("has the class {class:?}, which {error}")));
            }
        }
    }
    list
}

/// The letters of a row, each in the normal form of a seat's name.
fn normal_letters(letters: &str) -> Vec<String> {
    let letters = text::nfkc(letters);
    letters.chars().map(|letter| text::stored_capitals(&letter.to_string())).collect()
}

impl Row {
    /// The row's seat `letter`, if its name is valid.
    fn seat(&self, letter: &str, row_number: i64, column_number: i64, price: Price) -> Result<Seat, String> {
        let row = self.name.trim();
        let is_plain = |text: &str| !text.is_empty() && text.chars().all(char::is_alphanumeric);
        let name = match seat_name(&format!("{row}{letter}")) {
            Ok(name) if is_plain(letter) => name,
            _ => {
                let name = format!("{row}{letter}");
                return Err(format!(
                    "{name:?} is not a valid seat name: letters and digits, at most {SEAT_MAX}"
                ));
            }
        };
        let is_one_of = |letters: &str| normal_letters(letters).iter().any(|other| other == letter);
        let kind = match (is_one_of(&self.accessible), is_one_of(&self.companion)) {
            (true, _) => SeatKind::Accessible,
            (false, true) => SeatKind::Companion,
            (false, false) => SeatKind::Standard,
        };
        let (row, price_class) = (row.to_owned(), self.price_class.clone());
        Ok(Seat { name, row, row_number, column_number, kind, price_class, price })
    }
}

/// What an order needs to know about its screening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screening {
    pub id: ScreeningId,
    pub movie_name: Name,
    pub starts_at: Timestamp,
    /// The price of a place in general admission; `None` if the screening has numbered seats.
    pub place_price: Option<Price>,
}

impl Screening {
    /// Gives `order` the movie and the price of this screening. `prices` has those of the ordered seats that
    /// the screening has.
    ///
    /// # Errors
    ///
    /// The fields that do not fit the screening.
    pub fn admit(&self, order: Order, prices: &BTreeMap<String, Price>) -> Result<Order, Vec<Invalid>> {
        let wrong = |field, detail: String| Err(vec![Invalid::new(field, detail)]);
        if order.movie_name.as_ref().is_some_and(|movie| movie.key() != self.movie_name.key()) {
            let movie = self.movie_name.spelling();
            return wrong("movieName", format!("must be {movie:?}, the screening's movie, or omitted"));
        }
        let total = match (self.place_price, &order.seats) {
            (Some(_), Some(_)) => {
                return wrong("seat", "must be omitted: this screening has no numbered seats".to_owned());
            }
            (None, None) => {
                return wrong("seat", "is required: this screening has numbered seats".to_owned());
            }
            (Some(price), None) => price.times(order.qty.get()),
            (None, Some(seats)) => {
                let unknown: Vec<_> =
                    seats.names().iter().filter(|seat| !prices.contains_key(*seat)).cloned().collect();
                if !unknown.is_empty() {
                    return wrong("seat", format!("this screening has no seat {}", unknown.join(", ")));
                }
                prices.values().try_fold(Price::default(), |sum, price| sum.plus(*price))
            }
        };
        let Some(total) = total else {
            let field = if order.seats.is_some() { "seat" } else { "qty" };
            return wrong(field, format!("these places cost more than {}, the largest price", i64::MAX));
        };
        if order.total_price.is_some_and(|price| price != total) {
            return wrong("totalPrice", format!("must be {}, or omitted", total.get()));
        }
        Ok(Order { movie_name: Some(self.movie_name.clone()), total_price: Some(total), ..order })
    }
}

#[cfg(test)]
mod tests;
