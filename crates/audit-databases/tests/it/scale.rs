//! Audits many bookings, which fill several pages of every table.

use std::time::Instant;

use audit::Kind;
use storage::query;

use crate::databases::{Fleet, Of, hour_ago};

/// Number of bookings, which fill more than two pages of every table. `TEST_BOOKINGS=100000` sets a larger
/// number.
const BOOKINGS: i64 = 5_000;

#[tokio::test]
async fn every_booking_is_audited_once_and_complete() {
    let fleet = Fleet::empty().await;
    let bookings = std::env::var("TEST_BOOKINGS").map_or(BOOKINGS, |number| number.parse().unwrap());
    fleet.fill(bookings).await;
    let began = Instant::now();
    let report = fleet.audit().await;
    println!("{bookings} bookings were audited in {:.2?}", began.elapsed());
    assert_eq!((report.bookings, report.total(), report.in_flight), (bookings as u64, 0, 0));

    // Single bookings at the ends of pages, and a range of bookings.
    fleet
        .execute(Of::Payment, "DELETE FROM payments WHERE booking_id IN (1, 1999, 2000, 2001, 4000, 5000)")
        .await;
    fleet.execute(Of::Mypage, "DELETE FROM mypages WHERE booking_id BETWEEN 2500 AND 4499").await;
    let report = fleet.audit().await;
    assert_eq!(report.bookings, bookings as u64);
    let counts: Vec<_> = report.violations.into_iter().collect();
    assert_eq!(counts, [(Kind::BookingUnpaid, 6), (Kind::MypageMissing, 2_000)]);
    assert_eq!(report.findings.len(), 100);
}

impl Fleet {
    /// Adds this number of right bookings, which are paid and collected.
    pub async fn fill(&self, bookings: i64) {
        for (of, sql) in [
            (
                Of::Book,
                "INSERT INTO bookings (movie_name, seat, qty, total_price, name, customer_id, status, paid,
                     created_at, updated_at, movie_key)
                 VALUES ('soul', CAST($1 AS TEXT) || 'A,' || CAST($1 AS TEXT) || 'B', 2, 10000, 'CGV', 33, 'PrintComplete', 1,
                     $2, $2, 'soul')",
            ),
            (
                Of::Book,
                "INSERT INTO seat_claims (place, seat, booking_id)
                 SELECT 'movie:soul', CAST(id AS TEXT) || 'A', id FROM bookings WHERE id = $1 AND created_at <= $2
                 UNION ALL SELECT 'movie:soul', CAST(id AS TEXT) || 'B', id FROM bookings WHERE id = $1",
            ),
            (
                Of::Payment,
                "INSERT INTO payments (booking_id, total_price, status, created_at, updated_at)
                 VALUES ($1, 10000, 'Paid', $2, $2)",
            ),
            (
                Of::Ticket,
                "INSERT INTO tickets (booking_id, movie_name, qty, seat, customer_id, status, asks, issued, created_at,
                     updated_at)
                 VALUES ($1, 'soul', 2, NULL, 33, 'Printed', 1, 1, $2, $2)",
            ),
            (
                Of::Point,
                "INSERT INTO points (booking_id, customer_id, score, contents, status, created_at)
                 VALUES ($1, 33, 0, 'soul', 'Waiting Point', $2), ($1, 33, 100, 'soul', 'Pointed', $2)",
            ),
            (
                Of::Mypage,
                "INSERT INTO mypages (booking_id, booked, shown, customer_id, movie_name, seat, qty, price, status,
                     score, ticket_id, updated_at)
                 VALUES ($1, 1, 1, 33, 'soul', CAST($1 AS TEXT) || 'A,' || CAST($1 AS TEXT) || 'B', 2, 10000, 'Printed',
                     100, $1, $2)",
            ),
        ] {
            let mut tx = self.db(of).begin().await.unwrap();
            for id in 1..=bookings {
                tx.execute(query(sql).bind(id).bind(hour_ago())).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    }
}
