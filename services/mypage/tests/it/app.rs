//! The service with its own database, and the events of a booking.

use event_log::Received;
use events::{
    Booked, BookingId, Canceled, Created, CustomerId, Event, Held, HoldExpired, Paid, PaymentCanceled,
    PaymentId, PointId, Printed, Screening, ScreeningId, TicketId, WaitedPoint, WrittenPoint,
};
use messaging::Consumer;
use mypage::consumers::BookingStory;
use mypage::{AppState, MIGRATIONS, SERVICE, router};
use serde_json::Value;
use test_kit::{Client, Scratch, fleet};

pub struct App {
    pub scratch: Scratch,
    pub client: Client,
    pub consumer: Consumer<BookingStory>,
}

impl App {
    pub async fn new() -> Self {
        let scratch = Scratch::new(SERVICE, &MIGRATIONS).await;
        let consumer = Consumer::new(SERVICE, scratch.db.clone(), scratch.transport.clone(), BookingStory);
        let state = AppState { db: scratch.db.clone() };
        let client = Client(router(state, service::health::of(&scratch.db)));
        Self { scratch, client, consumer }
    }

    pub async fn deliver(&self, event: impl Into<Event>) {
        fleet::deliver(&self.consumer, event).await.unwrap();
    }

    /// Delivers `event`, which happened at that second of 13:32.
    pub async fn deliver_at(&self, second: usize, event: impl Into<Event>) {
        self.consumer.apply_together(&[record_at(second, event)]).await.unwrap();
    }

    pub async fn mypage(&self, id: i64) -> Value {
        let answer = self.client.get(&format!("/mypages/{id}")).await;
        assert_eq!(answer.status, 200);
        answer.body
    }

    /// Ends each test: no event was published, and there are no dead letters.
    pub async fn settled(self) {
        assert_eq!(fleet::outbox_types(&self.scratch.db).await, [""; 0]);
        fleet::assert_settled(&self.scratch.db, &self.scratch.transport).await;
    }
}

/// The record of `event`, which happened at that second of 13:32.
pub fn record_at(second: usize, event: impl Into<Event>) -> Received {
    let mut received = fleet::record(&event.into());
    for (name, value) in &mut received.record.headers {
        if name == "ce_time" {
            *value = at(second);
        }
    }
    received
}

pub fn at(second: usize) -> String {
    format!("2021-02-23T13:32:{second:02}Z")
}

/// The events of a timeline.
pub fn story(mypage: &Value) -> Vec<&str> {
    mypage["timeline"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect()
}

fn booking(id: i64) -> BookingId {
    BookingId::new(id).unwrap()
}

/// The event of the seed's booking, by customer 33.
pub fn booked(id: i64) -> Booked {
    booked_by(id, 33)
}

pub fn booked_by(id: i64, customer: i64) -> Booked {
    Booked {
        id: booking(id),
        qty: Some(2),
        seat: Some("1A,2B".to_owned()),
        movie_name: Some("soul".to_owned()),
        status: Some("Registered".to_owned()),
        total_price: Some(10_000),
        name: Some("CGV".to_owned()),
        customer_id: Some(CustomerId::new(customer).unwrap()),
        screening: screening(),
    }
}

pub fn paid(id: i64) -> Paid {
    Paid {
        id: PaymentId::new(70 + id).unwrap(),
        booking_id: booking(id),
        status: Some("Paid".to_owned()),
        total_price: Some(10_000),
    }
}

pub fn payment_canceled(id: i64) -> PaymentCanceled {
    PaymentCanceled {
        id: PaymentId::new(70 + id).unwrap(),
        booking_id: booking(id),
        status: Some("Canceled".to_owned()),
    }
}

pub fn hold_expired(id: i64) -> HoldExpired {
    HoldExpired {
        id: booking(id),
        status: Some("Expired".to_owned()),
        qty: Some(2),
        seat: Some("1A,2B".to_owned()),
        movie_name: Some("soul".to_owned()),
        total_price: Some(10_000),
        customer_id: Some(CustomerId::new(33).unwrap()),
        screening: screening(),
    }
}

pub fn held(id: i64) -> Held {
    Held {
        id: booking(id),
        customer_id: Some(CustomerId::new(33).unwrap()),
        movie_name: Some("soul".to_owned()),
        seat: Some("1A,2B".to_owned()),
        qty: Some(2),
        total_price: Some(10_000),
        held_until: Some("2021-02-23T13:42:28Z".parse().unwrap()),
        screening: screening(),
    }
}

/// The screening of all bookings.
pub fn screening() -> Screening {
    Screening {
        screening_id: ScreeningId::new(5).ok(),
        theatre: Some("Hall 1".to_owned()),
        hall: Some("Hall 1".to_owned()),
        starts_at: Some("2026-12-01T19:30:00Z".parse().unwrap()),
        ends_at: Some("2026-12-01T21:30:00Z".parse().unwrap()),
    }
}

pub fn canceled(id: i64) -> Canceled {
    Canceled { id: booking(id), status: Some("Canceled".to_owned()) }
}

pub fn created(id: i64) -> Created {
    Created {
        id: TicketId::from(booking(id)),
        booking_id: booking(id),
        status: Some("Waiting".to_owned()),
        movie_name: Some("soul".to_owned()),
        qty: Some(2),
        seat: Some("1A,2B".to_owned()),
        customer_id: Some(CustomerId::new(33).unwrap()),
        screening: screening(),
    }
}

pub fn printed(id: i64) -> Printed {
    Printed { id: TicketId::from(booking(id)), booking_id: booking(id), status: Some("Printed".to_owned()) }
}

pub fn waited_point(id: i64) -> WaitedPoint {
    WaitedPoint {
        id: PointId::new(80 + id).unwrap(),
        booking_id: booking(id),
        score: Some(0),
        contents: Some("soul".to_owned()),
        status: Some("Waiting Point".to_owned()),
    }
}

pub fn written_point(id: i64) -> WrittenPoint {
    WrittenPoint {
        id: PointId::new(90 + id).unwrap(),
        booking_id: booking(id),
        customer_id: Some(CustomerId::new(33).unwrap()),
        score: Some(100),
        contents: Some("soul".to_owned()),
        status: Some("Pointed".to_owned()),
    }
}
