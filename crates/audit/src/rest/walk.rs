//! All stories by REST, one page of bookings at a time.
//!
//! Bookings, tickets and mypages are listed in the order of their bookings, so they are read side by side.
//! Payments and points are listed in the order of their own ids. So these are read first, and the few values
//! that matter are kept.

use std::collections::BTreeMap;
use std::vec;

use serde_json::Value;

use super::{Of, PAGE, ROWS_A_BOOKING, Rest, RestError, add, booking, id};
use crate::compare::PAYMENT_STATUSES;
use crate::story::{PaymentRow, PointRow, Story};

/// Reads the stories of the first bookings in order.
pub struct Walk<'r> {
    books: Cursor<'r>,
    tickets: Cursor<'r>,
    mypages: Cursor<'r>,
    /// The price and the status, by booking.
    payments: Kept<(i64, &'static str)>,
    /// The points, by booking.
    points: Kept<i64>,
    /// Whether all bookings have been read, so that only rows of unknown bookings after the last one are
    /// left.
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
        let payments = Cursor::new(rest, Of::Payments, rows).keep(price_and_status).await?;
        let points = Cursor::new(rest, Of::Points, rows).keep(|row| id(row, "score")).await?;
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

    /// Whether all bookings have been read.
    pub fn is_all(&self) -> bool {
        self.is_in_tail
    }

    /// The next stories, or `None` at the end.
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
        // The booking up to which the other collections are read.
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

    /// After the last booking, or at the limit: the booking up to which to read the other collections. After
    /// the last booking, these may have rows of bookings that book does not have, which are read in pages
    /// too.
    async fn tail(&mut self) -> Result<i64, RestError> {
        self.is_in_tail = self.books.is_at_the_end;
        if !self.is_in_tail {
            self.is_over = true;
            return Ok(0);
        }
        let nexts = [
            self.tickets.last_buffered().await?,
            self.mypages.last_buffered().await?,
            self.payments.end_of_next_page(),
            self.points.end_of_next_page(),
        ];
        let up_to = nexts.into_iter().flatten().min();
        self.is_over = up_to.is_none();
        Ok(up_to.unwrap_or_default())
    }
}

/// Reduces `story` to what [`Walk`] reads, so that a complete story can be compared with one of a walk.
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

/// The known status with this text, or the empty text for an unknown one.
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

/// Values that are kept, in the order of their bookings.
struct Kept<T> {
    rows: Vec<(i64, T)>,
    next: usize,
}

impl<T> Kept<T> {
    /// Takes the values of the bookings up to `booking_id`.
    fn up_to(&mut self, booking_id: i64) -> &[(i64, T)] {
        let left = &self.rows[self.next..];
        let taken = &left[..left.partition_point(|(id, _)| *id <= booking_id)];
        self.next += taken.len();
        taken
    }

    /// The booking that is one page ahead, or the last one.
    fn end_of_next_page(&self) -> Option<i64> {
        let left = &self.rows[self.next..];
        left.get(PAGE as usize - 1).or(left.last()).map(|(id, _)| *id)
    }
}

/// Reads a collection page by page.
struct Cursor<'r> {
    rest: &'r Rest,
    of: Of,
    after: i64,
    /// Number of rows that may still be read.
    left: u64,
    /// Rows of the last page that have not been taken.
    buffer: vec::IntoIter<Value>,
    /// Whether the collection has no more rows.
    is_at_the_end: bool,
}

impl<'r> Cursor<'r> {
    fn new(rest: &'r Rest, of: Of, limit: u64) -> Self {
        Self { rest, of, after: 0, left: limit, buffer: Vec::new().into_iter(), is_at_the_end: false }
    }

    /// The next page, which is empty at the end or at the limit.
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
        // A service without the parameter `after` would return the same page again.
        let last = rows.last().map(|row| id(row, "id")).filter(|last| *last > self.after);
        self.is_at_the_end = last.is_none() || (rows.len() as u64) < size;
        let Some(last) = last else { return Ok(Vec::new()) };
        self.after = last;
        self.left -= (rows.len() as u64).min(self.left);
        Ok(rows)
    }

    /// Takes the rows of the bookings up to `booking_id`.
    async fn up_to(&mut self, booking_id: i64) -> Result<Vec<Value>, RestError> {
        let mut taken = Vec::new();
        loop {
            let key = self.of.key();
            let buffer = self.buffer.as_slice();
            let count = buffer.partition_point(|row| id(row, key) <= booking_id);
            let is_empty = count == buffer.len();
            taken.extend(self.buffer.by_ref().take(count));
            if !is_empty {
                return Ok(taken);
            }
            let page = self.page().await?;
            if page.is_empty() {
                return Ok(taken);
            }
            self.buffer = page.into_iter();
        }
    }

    /// The booking of the last buffered row, after reading a page if the buffer is empty.
    async fn last_buffered(&mut self) -> Result<Option<i64>, RestError> {
        if self.buffer.as_slice().is_empty() {
            self.buffer = self.page().await?.into_iter();
        }
        Ok(self.buffer.as_slice().last().map(|row| id(row, self.of.key())))
    }

    /// Reads all rows, and keeps the value that `read` returns for each, in the order of the bookings.
    async fn keep<T: Ord>(mut self, read: impl Fn(&Value) -> T) -> Result<Kept<T>, RestError> {
        let mut rows = Vec::new();
        loop {
            let page = self.page().await?;
            if page.is_empty() {
                break;
            }
            rows.extend(page.iter().map(|row| (id(row, self.of.key()), read(row))));
        }
        rows.sort_unstable();
        Ok(Kept { rows, next: 0 })
    }
}
