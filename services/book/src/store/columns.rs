//! Columns that several statements read. They are macros, so that each statement stays a literal.

/// When a screening ends. A screening without an end runs for two hours.
macro_rules! ends_at {
    () => {
        "COALESCE(ends_at, starts_at + 7200000000)"
    };
}

/// The columns of a `BookingRow`. `$table` qualifies an ambiguous column: `""`, or a table's name and a dot.
/// The screening is read once for its three values, which are parts of one text: `RETURNING` cannot join on
/// SQLite.
macro_rules! booking_columns {
    ($table:literal) => {
        concat!(
            $table,
            "id, movie_name, seat, qty, total_price, name, customer_id, status, paid, screening_id,
             (SELECT CAST(starts_at AS TEXT) || ' ' || CAST(",
            ends_at!(),
            " AS TEXT) || ' ' || theatre FROM screenings WHERE screenings.id = ",
            $table,
            "screening_id) AS screening, held_until, paying_until, look_at, looks, attempts, pay_later, in_doubt,
             held_published, created_at, updated_at"
        )
    };
}

/// The columns of a `ListedRow`, from `$table`.
macro_rules! listed_columns {
    ($table:literal) => {
        concat!(
            "id, movie_name, theatre, starts_at, ",
            ends_at!(),
            " AS ends_at, hall, price,
             COALESCE(capacity, (SELECT CAST(COUNT(*) AS BIGINT) FROM screening_seats WHERE screening_id = ",
            $table,
            ".id)) AS capacity,
             COALESCE(places_left,
                 (SELECT CAST(COUNT(*) AS BIGINT) FROM screening_seats WHERE screening_id = ",
            $table,
            ".id)
                 - (SELECT CAST(COUNT(*) AS BIGINT) FROM seat_claims
                    WHERE place = 'screening:' || CAST(",
            $table,
            ".id AS TEXT))) AS places_left"
        )
    };
}
