//! The rows of a story in SQL, each statement up to its `WHERE`.

/// The beginning of the statement that reads the rows of a table. Each column has the name of its field in the row.
macro_rules! select {
    (claims) => {
        "SELECT booking_id, place, seat FROM seat_claims"
    };
    (bookings) => {
        "SELECT id AS booking_id, movie_name, seat, qty, total_price, name, customer_id, screening_id,
             (SELECT theatre FROM screenings WHERE screenings.id = screening_id) AS theatre,
             (SELECT starts_at FROM screenings WHERE screenings.id = screening_id) AS starts_at,
             (SELECT COALESCE(ends_at, starts_at + 7200000000) FROM screenings WHERE screenings.id = screening_id)
                 AS ends_at, status, held_published,
             held_until, paying_until, created_at, updated_at
         FROM bookings"
    };
    (payments) => {
        "SELECT booking_id, id, total_price, status, reference, created_at, updated_at FROM payments"
    };
    (tickets) => {
        "SELECT booking_id, screening_id, theatre, starts_at, ends_at, status, issued, created_at, updated_at
         FROM tickets"
    };
    (points) => {
        "SELECT booking_id, id, customer_id, score, contents, status, created_at FROM points"
    };
    (mypages) => {
        "SELECT booking_id, shown, customer_id, movie_name, seat, qty, price, screening_id,
             theatre, starts_at, ends_at,
             CASE WHEN booked = 1 THEN status WHEN status = 'Canceled' THEN COALESCE(ending, status)
                 WHEN status = 'Booked' AND held = 1 THEN 'PaymentPending' ELSE status END AS status, score, ticket_id,
             updated_at
         FROM mypages"
    };
}

pub(crate) use select;
