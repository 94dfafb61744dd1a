//! Reads bookings with their timelines. One statement reads both, so that they are consistent and a page
//! costs as much as a single booking.

use events::{BookingId, CustomerId};
use jiff::Timestamp;
use sqlx::FromRow;
use storage::{COUNT_LIMIT, Conn, Error, Page, Slice, query_as};

use super::mypages::{MypageRow, restore};
use crate::domain::{Entry, Story};

/// A booking's row with one event of its timeline, which has at least one.
#[derive(FromRow)]
struct StoryRow {
    #[sqlx(flatten)]
    mypage: MypageRow,
    event: String,
    happened_at: i64,
}

/// Selects the shown bookings that satisfy `$conditions`, oldest first, with their timelines.
macro_rules! stories_where {
    ($conditions:literal) => {
        concat!(
            "SELECT ",
            mypage_columns!("page."),
            ", event, happened_at
             FROM (SELECT * FROM mypages WHERE shown = 1 AND ",
            $conditions,
            ") AS page
             JOIN timeline ON timeline.booking_id = page.booking_id
             ORDER BY page.booking_id"
        )
    };
}

/// The booking, if it is shown.
pub async fn find(conn: &mut Conn, id: BookingId) -> Result<Option<Story>, Error> {
    let find = query_as(stories_where!("booking_id = $1")).bind(id.get());
    Ok(gather(conn.fetch_all(find).await?)?.pop())
}

/// The shown bookings of `slice`, of all customers or of `customer`, oldest first.
pub async fn page(conn: &mut Conn, customer: Option<CustomerId>, slice: Slice) -> Result<Page<Story>, Error> {
    let (find, count) = match customer {
        None => (
            query_as(stories_where!("booking_id > $1 ORDER BY booking_id LIMIT $2 OFFSET $3")),
            query_as(
                "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM mypages WHERE shown = 1 LIMIT $1) AS counted",
            ),
        ),
        Some(customer) => (
            query_as(stories_where!(
                "customer_id = $1 AND booking_id > $2 ORDER BY booking_id LIMIT $3 OFFSET $4"
            ))
            .bind(customer.get()),
            query_as(
                "SELECT CAST(COUNT(*) AS BIGINT) FROM
                     (SELECT 1 FROM mypages WHERE customer_id = $1 AND shown = 1 LIMIT $2) AS counted",
            )
            .bind(customer.get()),
        ),
    };
    let rows = conn.fetch_all(find.bind(slice.after).bind(slice.limit()).bind(slice.offset)).await?;
    let stories = gather(rows)?;
    let (counted,) = conn.fetch_one::<(i64,)>(count.bind(COUNT_LIMIT)).await?;
    Ok(Page::new(stories, slice, counted, |story| story.mypage.booking_id.get()))
}

/// Groups the rows by booking. The rows of one booking are adjacent.
fn gather(rows: Vec<StoryRow>) -> Result<Vec<Story>, Error> {
    let mut stories = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while let Some(first) = rows.next() {
        let booking_id = first.mypage.booking_id;
        let mut timeline = vec![entry(booking_id, first.event, first.happened_at)?];
        while let Some(row) = rows.next_if(|row| row.mypage.booking_id == booking_id) {
            timeline.push(entry(booking_id, row.event, row.happened_at)?);
        }
        stories.push(Story::new(restore(first.mypage)?, timeline));
    }
    Ok(stories)
}

fn entry(booking_id: i64, event: String, happened_at: i64) -> Result<Entry, Error> {
    let at = Timestamp::from_microsecond(happened_at)
        .map_err(|error| Error::corrupt("timeline", booking_id, error))?;
    Ok(Entry { event, at })
}
