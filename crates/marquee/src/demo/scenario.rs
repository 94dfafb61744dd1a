//! The scenario: one booking from its seats to its points, one that is canceled, and an invalid order.

use jiff::Zoned;
use reqwest::Method;
use serde_json::{Value, json};

use super::walk::{Expected, Unexpected, Walk};
use crate::rest::new_customer;

/// Number of halls in which the movie may run.
const HALLS: i64 = 99;

/// The customer and the movie of the bookings.
struct Visit {
    customer: i64,
    movie: String,
}

impl Visit {
    /// A visit of a movie whose seats are free, however often the scenario runs on the same data: the movie has
    /// the time and the hall in its name.
    fn new() -> Self {
        let customer = new_customer();
        let hall = 1 + customer % HALLS;
        let time = Zoned::now().strftime("%-d %B %H:%M:%S");
        Self { customer, movie: format!("Soul, hall {hall}, {time}") }
    }
}

pub async fn play(walk: &mut Walk) -> Result<(), Unexpected> {
    let visit = Visit::new();
    let customer = visit.customer;
    let booking = book_and_pay(walk, &visit).await?;
    collect_the_ticket(walk, customer, booking).await?;
    check_the_timeline(walk, booking).await?;
    collect_and_cancel_too_late(walk, customer, booking).await?;
    cancel_in_time(walk, &visit).await?;
    send_an_invalid_order(walk).await
}

async fn book_and_pay(walk: &mut Walk, visit: &Visit) -> Result<i64, Unexpected> {
    walk.step("A customer books two seats and pays; book calls payment before it answers.")?;
    let booking = book(walk, visit, "1A,2B").await?;
    walk.get(&format!("/books/{booking}"), json!({ "seat": "1A,2B", "qty": 2 })).await?;
    let payments = format!("/payments/search/findByBookingId?bookingId={booking}");
    walk.get(&payments, payment(booking, "Paid")).await?;

    walk.step("Events have created a ticket, and points that wait until the ticket is collected.")?;
    let ticket = json!({ "bookingId": booking, "status": "Waiting", "seat": "1A,2B" });
    walk.wait(&format!("/tickets/{booking}"), ticket).await?;
    let waiting = json!({ "_embedded": { "points": [{ "score": 0, "status": "Waiting Point" }] } });
    walk.wait(&points_of(booking), waiting).await?;

    walk.step("The customer sees the booking in mypage.")?;
    let row =
        json!({ "status": "Booked", "price": 10000, "ticketId": booking, "customerId": visit.customer });
    walk.wait(&format!("/mypages/{booking}"), row).await?;
    Ok(booking)
}

async fn collect_the_ticket(walk: &mut Walk, customer: i64, booking: i64) -> Result<(), Unexpected> {
    walk.step("The customer collects the ticket at the cinema; ticket calls point before it answers.")?;
    print_ticket(walk, booking).await?;

    walk.step("The customer has earned 100 points.")?;
    balance_is_100(walk, customer).await?;
    walk.get(&points_of(booking), json!({})).await?;
    Ok(())
}

async fn check_the_timeline(walk: &mut Walk, booking: i64) -> Result<(), Unexpected> {
    walk.step("mypage shows the status of the booking, and every event so far.")?;
    let row = walk.wait(&format!("/mypages/{booking}"), json!({ "status": "Printed", "score": 100 })).await?;
    let events: Vec<&str> = row["timeline"]
        .as_array()
        .map(|timeline| timeline.iter().filter_map(|entry| entry["event"].as_str()).collect())
        .unwrap_or_default();
    for event in ["Booked", "Printed"] {
        if !events.contains(&event) {
            return Err(Unexpected::Body(format!("expected {event} in the timeline")));
        }
    }
    Ok(())
}

async fn collect_and_cancel_too_late(walk: &mut Walk, customer: i64, booking: i64) -> Result<(), Unexpected> {
    walk.step("Collecting the ticket again changes nothing, and earns no points.")?;
    print_ticket(walk, booking).await?;
    balance_is_100(walk, customer).await?;

    walk.step("A cancellation is rejected, because the ticket was collected.")?;
    let refused = Expected { status: 409, body: json!({ "type": "/problems/ticket-already-collected" }) };
    walk.call(Method::DELETE, &format!("/books/{booking}"), None, refused).await?;
    Ok(())
}

async fn cancel_in_time(walk: &mut Walk, visit: &Visit) -> Result<(), Unexpected> {
    walk.step("A second booking is canceled before its ticket is collected, and refunded.")?;
    let booking = book(walk, visit, "3C,4D").await?;
    let row = format!("/mypages/{booking}");
    walk.wait(&row, json!({ "status": "Booked", "ticketId": booking })).await?;
    let done = Expected { status: 204, body: Value::Null };
    walk.call(Method::DELETE, &format!("/books/{booking}"), None, done).await?;
    walk.wait(&row, json!({ "status": "Canceled" })).await?;
    let payments = format!("/payments/search/findByBookingId?bookingId={booking}");
    walk.wait(&payments, payment(booking, "Canceled")).await?;
    Ok(())
}

async fn send_an_invalid_order(walk: &mut Walk) -> Result<(), Unexpected> {
    walk.step("An invalid order is rejected, and the answer names the invalid field.")?;
    let refused = Expected {
        status: 422,
        body: json!({ "type": "/problems/invalid-field", "errors": [{ "pointer": "/qty" }] }),
    };
    let order = json!({ "movieName": "Soul", "qty": 21, "totalPrice": 10000 });
    walk.call(Method::POST, "/books", Some(order), refused).await?;
    Ok(())
}

async fn book(walk: &Walk, visit: &Visit, seat: &str) -> Result<i64, Unexpected> {
    let Visit { customer, movie } = visit;
    let order = json!({
        "movieName": movie, "seat": seat, "qty": 2, "totalPrice": 10000, "customerId": customer,
    });
    let booked = Expected {
        status: 201,
        body: json!({ "status": "Registered", "movieName": movie, "seat": seat, "totalPrice": 10000 }),
    };
    let answer = walk.call(Method::POST, "/books", Some(order), booked).await?;
    answer["id"].as_i64().ok_or_else(|| Unexpected::Body("expected an id in the booking".to_owned()))
}

async fn print_ticket(walk: &Walk, booking: i64) -> Result<(), Unexpected> {
    let printed = Expected { status: 200, body: json!({ "id": booking, "status": "Printed" }) };
    let order = json!({ "status": "Printed" });
    walk.call(Method::PATCH, &format!("/tickets/{booking}"), Some(order), printed).await?;
    Ok(())
}

async fn balance_is_100(walk: &Walk, customer: i64) -> Result<(), Unexpected> {
    walk.get(&format!("/points/balance?customerId={customer}"), json!({ "balance": 100 })).await?;
    Ok(())
}

fn points_of(booking: i64) -> String {
    format!("/points/search/findByBookingId?bookingId={booking}")
}

fn payment(booking: i64, status: &str) -> Value {
    json!({ "_embedded": { "payments": [{ "bookingId": booking, "status": status, "totalPrice": 10000 }] } })
}
