//! The columns that several statements name. It is a macro so that each statement stays a literal.

/// Names the columns of a `MypageRow`. `$table` qualifies the ambiguous one: `""`, or a table's name and a
/// dot.
macro_rules! mypage_columns {
    ($table:literal) => {
        concat!(
            $table,
            "booking_id, booked, held, held_until, given_up, ending, refunded, customer_id, movie_name, seat, qty, price,
             screening_id, theatre, hall, starts_at, ends_at, status, score, ticket_id, updated_at"
        )
    };
}
