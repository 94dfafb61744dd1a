//! All stories by REST, a page of bookings at a time.
//!
//! Bookings, tickets and mypages are listed in the order of their bookings, so they are read side by side. Payments and points
//! are listed in the order in which they were made; of each, the few numbers that matter are read first and held.

use std::collections::BTreeMap;
use std::vec;

use serde_json::Value;

use super::{Of, PAGE, ROWS_A_BOOKING, Rest, RestError, add, booking, id};
use crate::compare::PAYMENT_STATUSES;
use crate::story::{PaymentRow, PointRow, Story};

/// Reads the stories of the first bookings, in their order.
pub struct Walk<'r> {
    books: Cursor<'r>,
    tickets: Cursor<'r>,
    mypages: Cursor<'r>,
    /// By booking: the price and the status.
    payments: Held<(i64, &'static str)>,
    /// By booking: the points.
    points: Held<i64>,
    /// Whether the tail is reached: what belongs to bookings behind the last one.
    is_in_tail: bool,
    is_over: bool,
}

impl<'r> Walk<'r> {
    pub async fn begin(rest: &'r Rest, limit: u64) -> Result<Self, RestError> {
        let rows = limit.saturating_mul(ROWS_A_BOOKING);
        let price_and_status = |row: &Value| {
            let status = row["status"].as_str().unwrap_or_default();
            (id(row, "totalPrice"), known(status))
        };
        let payments = Cursor::new(rest, Of::Payments, rows).hold(price_and_status).await?;
        let points = Cursor::new(rest, Of::Points, rows).hold(|row| id(row, "score")).await?;
        Ok(Self {
            books: Cursor::new(rest, Of::Books, limit),
            tickets: Cursor::new(rest, Of::Tickets, rows),
            mypages: Cursor::new(rest, Of::Mypages, rows),
            payments,
            points,
            is_in_tail: false,
            is_over: false,
        })
    }

    /// Whether there are no bookings behind those that were read.
    pub fn is_all(&self) -> bool {
        self.is_in_tail
    }

    /// The next stories; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Story>>, RestError> {
        if self.is_over {
            return Ok(None);
        }
        let mut stories = BTreeMap::<i64, Story>::new();
        let books = self.books.page().await?;
        for row in &books {
            let booking_id = id(row, "id");
            stories.entry(booking_id).or_insert_with(|| Story::of(booking_id)).booking = Some(booking(row));
        }
        // Up to which booking the others are read now.
        let up_to = match stories.keys().next_back() {
            Some(last) => *last,
            None => self.tail().await?,
        };
        for (of, rows) in
            [(Of::Tickets, self.tickets.up_to(up_to).await?), (Of::Mypages, self.mypages.up_to(up_to).await?)]
        {
            for row in rows {
                let booking_id = id(&row, of.key());
                let story = stories.entry(booking_id).or_insert_with(|| Story::of(booking_id));
                add(story, of, &row);
            }
        }
        for (booking_id, (total_price, status)) in self.payments.up_to(up_to) {
            let story = stories.entry(*booking_id).or_insert_with(|| Story::of(*booking_id));
            story.payments.push(payment(*booking_id, *total_price, status));
        }
        for (booking_id, score) in self.points.up_to(up_to) {
            let story = stories.entry(*booking_id).or_insert_with(|| Story::of(*booking_id));
            story.points.push(point(*booking_id, *score));
        }
        Ok(Some(stories.into_values().collect()))
    }

    /// No bookings are left, or the limit is reached. In the first case the rest may have rows of bookings that book does not
    /// have; they are read a page at a time too.
    async fn tail(&mut self) -> Result<i64, RestError> {
        self.is_in_tail = self.books.is_at_the_end;
        if !self.is_in_tail {
            self.is_over = true;
            return Ok(0);
        }
        let nexts = [
            self.tickets.last_at_hand().await?,
            self.mypages.last_at_hand().await?,
            self.payments.last_at_hand(),
            self.points.last_at_hand(),
        ];
        let up_to = nexts.into_iter().flatten().min();
        self.is_over = up_to.is_none();
        Ok(up_to.unwrap_or_default())
    }
}

/// `story` with no more than [`Walk`] reads of it: one that is read whole is compared with one of a walk in this form.
pub fn outline(mut story: Story) -> Story {
    for row in &mut story.payments {
        *row = payment(row.booking_id, row.total_price, known(&row.status));
    }
    for row in &mut story.points {
        *row = point(row.booking_id, row.score);
    }
    story.payments.sort_unstable_by_key(|row| row.total_price);
    story.points.sort_unstable_by_key(|row| row.score);
    story
}

/// A status that no service has is the empty one.
fn known(status: &str) -> &'static str {
    PAYMENT_STATUSES.into_iter().find(|known| *known == status).unwrap_or_default()
}

fn payment(booking_id: i64, total_price: i64, status: &str) -> PaymentRow {
    let status = status.to_owned();
    PaymentRow { booking_id, id: 0, total_price, status, reference: None, created_at: None, updated_at: None }
}

fn point(booking_id: i64, score: i64) -> PointRow {
    let (customer_id, contents, status) = (None, None, String::new());
    PointRow { booking_id, id: 0, customer_id, score, contents, status, created_at: None }
}

/// Rows that are held, in the order of their bookings.
struct Held<T> {
    rows: Vec<(i64, T)>,
    next: usize,
}

impl<T> Held<T> {
    /// Those of the bookings up to `booking_id` that were not taken before.
    fn up_to(&mut self, booking_id: i64) -> &[(i64, T)] {
        let left = &self.rows[self.next..];
        let taken = &left[..left.partition_point(|(id, _)| *id <= booking_id)];
        self.next += taken.len();
        taken
    }

    /// The booking of the row that is a page away, or of the last one.
    fn last_at_hand(&self) -> Option<i64> {
        let left = &self.rows[self.next..];
        left.get(PAGE as usize - 1).or(left.last()).map(|(id, _)| *id)
    }
}

/// Reads a collection page by page.
struct Cursor<'r> {
    rest: &'r Rest,
    of: Of,
    after: i64,
    /// Rows that may still be read.
    left: u64,
    /// Rows of the last page that were not taken yet.
    at_hand: vec::IntoIter<Value>,
    /// The collection has no more rows.
    is_at_the_end: bool,
}

impl<'r> Cursor<'r> {
    fn new(rest: &'r Rest, of: Of, limit: u64) -> Self {
        Self { rest, of, after: 0, left: limit, at_hand: Vec::new().into_iter(), is_at_the_end: false }
    }

    /// The next page; empty at the end, or at the limit.
    async fn page(&mut self) -> Result<Vec<Value>, RestError> {
        if self.is_at_the_end || self.left == 0 {
            return Ok(Vec::new());
        }
        let size = PAGE.min(self.left);
        let path = format!("/{}?after={}&size={size}", self.of.plural(), self.after);
        let mut body = self.rest.get(self.of, &path).await?.unwrap_or_default();
        let rows = match body["_embedded"][self.of.plural()].take() {
            Value::Array(rows) => rows,
            _ => Vec::new(),
        };
        // A service that does not know `after` answers the same page again.
        let last = rows.last().map(|row| id(row, "id")).filter(|last| *last > self.after);
        self.is_at_the_end = last.is_none() || (rows.len() as u64) < size;
        let Some(last) = last else { return Ok(Vec::new()) };
        self.after = last;
        self.left -= (rows.len() as u64).min(self.left);
        Ok(rows)
    }

    /// The rows of the bookings up to `booking_id` that were not taken before.
    async fn up_to(&mut self, booking_id: i64) -> Result<Vec<Value>, RestError> {
        let mut taken = Vec::new();
        loop {
            let key = self.of.key();
            let at_hand = self.at_hand.as_slice();
            let count = at_hand.partition_point(|row| id(row, key) <= booking_id);
            let is_used_up = count == at_hand.len();
            taken.extend(self.at_hand.by_ref().take(count));
            if !is_used_up {
                return Ok(taken);
            }
            let page = self.page().await?;
            if page.is_empty() {
                return Ok(taken);
            }
            self.at_hand = page.into_iter();
        }
    }

    /// The booking of the last row at hand, after another page if there is none.
    async fn last_at_hand(&mut self) -> Result<Option<i64>, RestError> {
        if self.at_hand.as_slice().is_empty() {
            self.at_hand = self.page().await?.into_iter();
        }
        Ok(self.at_hand.as_slice().last().map(|row| id(row, self.of.key())))
    }

    /// What `read` takes from each row, in the order of the bookings.
    async fn hold<T: Ord>(mut self, read: impl Fn(&Value) -> T) -> Result<Held<T>, RestError> {
        let mut rows = Vec::new();
        loop {
            let page = self.page().await?;
            if page.is_empty() {
                break;
            }
            rows.extend(page.iter().map(|row| (id(row, self.of.key()), read(row))));
        }
        rows.sort_unstable();
        Ok(Held { rows, next: 0 })
    }
}
