//! What a booking is, and its transitions. No clock, no database, no network.

mod booking;
mod hold;
mod order;
mod payment_answer;
mod screening;

pub use booking::{Booking, CancelRefused, Change, PayRefused, Row, Status};
pub use hold::Hold;
pub use order::{Invalid, Order, Price, Quantity, RequestKey, Seats};
pub use payment_answer::PaymentAnswer;
pub use screening::{
    Admission, Announcement, Draft, LONGEST_RUN, Row as HallRow, Screening, Seat, SeatKind, check_start,
};
