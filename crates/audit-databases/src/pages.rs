//! All stories, read from six tables side by side: a merge join over five databases, page by page.

use std::collections::{BTreeMap, VecDeque};

use audit::Story;
use audit::story::{BookingRow, ClaimRow, MypageRow, PaymentRow, PointRow, TicketRow, UnsentRow};
use sqlx::FromRow;
use storage::{Db, Error, QueryAs, Row, query_as};

use crate::databases::{Databases, Provider};
use crate::ledger;
use crate::rows::{OfBooking, Stored, add_rows, story_of};
use crate::select::select;

/// Number of rows that one query reads.
const PAGE: i64 = 2_000;

/// All stories, in the order of their bookings.
pub struct Pages {
    // The claims are read before the bookings: a booking that is made in between lacks its claims, but is too
    // young to be reported.
    claims: Table<ClaimRow>,
    bookings: Table<BookingRow>,
    payments: Table<PaymentRow>,
    tickets: Table<TicketRow>,
    points: Table<PointRow>,
    mypages: Table<MypageRow>,
    unsent: BTreeMap<i64, Vec<UnsentRow>>,
    provider: Option<Provider>,
}

impl Pages {
    pub fn new(databases: &Databases, unsent: Vec<(i64, UnsentRow)>) -> Self {
        let mut by_booking = BTreeMap::<i64, Vec<UnsentRow>>::new();
        for (id, row) in unsent {
            by_booking.entry(id).or_default().push(row);
        }
        let Databases { book, payment, ticket, point, mypage, provider } = databases;
        Self {
            claims: Table::new(
                book,
                concat!(select!(claims), " WHERE booking_id > $1 ORDER BY booking_id LIMIT $2"),
            ),
            bookings: Table::new(book, concat!(select!(bookings), " WHERE id > $1 ORDER BY id LIMIT $2")),
            payments: Table::new(
                payment,
                concat!(select!(payments), " WHERE booking_id > $1 ORDER BY booking_id LIMIT $2"),
            ),
            tickets: Table::new(
                ticket,
                concat!(select!(tickets), " WHERE booking_id > $1 ORDER BY booking_id LIMIT $2"),
            ),
            points: Table::new(
                point,
                concat!(select!(points), " WHERE booking_id > $1 ORDER BY booking_id LIMIT $2"),
            ),
            mypages: Table::new(
                mypage,
                concat!(select!(mypages), " WHERE booking_id > $1 ORDER BY booking_id LIMIT $2"),
            ),
            unsent: by_booking,
            provider: provider.clone(),
        }
    }

    /// The next stories, or `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<Story>>, Error> {
        self.claims.fill().await?;
        self.bookings.fill().await?;
        self.payments.fill().await?;
        self.tickets.fill().await?;
        self.points.fill().await?;
        self.mypages.fill().await?;
        let horizons = [
            self.claims.horizon(),
            self.bookings.horizon(),
            self.payments.horizon(),
            self.tickets.horizon(),
            self.points.horizon(),
            self.mypages.horizon(),
        ];
        // All rows of the bookings up to here have been read.
        let horizon = horizons.into_iter().min().unwrap_or(i64::MAX);
        let mut stories = self.take(horizon);
        if let Some(provider) = &self.provider {
            let ids: Vec<i64> = stories.keys().copied().collect();
            ledger::add(provider, &mut stories, &ids).await?;
        }
        let stories: Vec<Story> = stories.into_values().collect();
        Ok((!stories.is_empty() || horizon != i64::MAX).then_some(stories))
    }

    fn take(&mut self, horizon: i64) -> BTreeMap<i64, Story> {
        let mut stories = BTreeMap::<i64, Story>::new();
        add_rows(&mut stories, self.bookings.take(horizon));
        add_rows(&mut stories, self.payments.take(horizon));
        add_rows(&mut stories, self.tickets.take(horizon));
        add_rows(&mut stories, self.points.take(horizon));
        add_rows(&mut stories, self.mypages.take(horizon));
        add_rows(&mut stories, self.claims.take(horizon));
        while let Some(entry) = self.unsent.first_entry()
            && *entry.key() <= horizon
        {
            let (booking_id, rows) = entry.remove_entry();
            story_of(&mut stories, booking_id).unsent = rows;
        }
        stories
    }
}

/// One table, read in the order of the bookings.
struct Table<T> {
    db: Db,
    select: &'static str,
    rows: VecDeque<T>,
    /// All rows of the bookings up to this one have been read.
    read: i64,
    is_over: bool,
}

impl<T> Table<T>
where
    T: OfBooking,
    Stored<T>: for<'r> FromRow<'r, Row> + Send + Unpin,
{
    /// `select` takes the booking after which to begin, and the number of rows.
    fn new(db: &Db, select: &'static str) -> Self {
        Self { db: db.clone(), select, rows: VecDeque::new(), read: i64::MIN, is_over: false }
    }

    /// Reads the next rows if all earlier ones have been taken.
    async fn fill(&mut self) -> Result<(), Error> {
        if self.is_over || !self.rows.is_empty() {
            return Ok(());
        }
        let select: QueryAs<'_, Stored<T>> = query_as(self.select).bind(self.read).bind(PAGE);
        let rows = self.db.read().await?.fetch_all(select).await?;
        self.rows = rows.into_iter().map(|Stored(row)| row).collect();
        self.is_over = self.rows.len() < PAGE as usize;
        if !self.is_over {
            self.drop_last_booking();
        }
        self.read = self.rows.back().map_or(self.read, OfBooking::booking_id);
        Ok(())
    }

    /// Drops the rows of the last booking, whose other rows may be in the next page, unless the page contains
    /// only this booking.
    fn drop_last_booking(&mut self) {
        let (first, last) = (self.rows.front().map(T::booking_id), self.rows.back().map(T::booking_id));
        if first != last {
            self.rows.retain(|row| Some(row.booking_id()) != last);
        }
    }

    /// The booking up to which all rows have been read.
    fn horizon(&self) -> i64 {
        if self.is_over { i64::MAX } else { self.read }
    }

    fn take(&mut self, horizon: i64) -> impl Iterator<Item = T> {
        let count = self.rows.partition_point(|row| row.booking_id() <= horizon);
        self.rows.drain(..count)
    }
}
