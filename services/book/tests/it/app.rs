//! The service on a database of its own, beside a payment service of the test's choice.

use std::time::Duration;

use book::clients::Payments;
use book::consumers::BookingEvents;
use book::{AppState, MIGRATIONS, SERVICE, router};
use events::{BookingId, CancelRejected, Event, Paid, PaymentCanceled, PaymentId, Printed, TicketId};
use messaging::Consumer;
use serde_json::{Value, json};
use service_kit::health::Health;
use service_kit::upstream::Settings;
use test_kit::{Client, FakeUpstream, Scratch, fleet};

/// Time enough for an answer on this machine, short enough to wait for one that never comes.
const PAYMENT_DEADLINE: Duration = Duration::from_millis(300);

pub struct App {
    pub scratch: Scratch,
    pub client: Client,
    pub consumer: Consumer<BookingEvents>,
    pub payment: FakeUpstream,
}

impl App {
    /// Beside a payment service that takes every payment.
    pub async fn new() -> Self {
        Self::beside(FakeUpstream::answers(201, json!({})).await).await
    }

    pub async fn beside(payment: FakeUpstream) -> Self {
        Self::with_cancel_wait(payment, Duration::ZERO).await
    }

    pub async fn with_cancel_wait(payment: FakeUpstream, cancel_wait: Duration) -> Self {
        let scratch = Scratch::new(SERVICE, &MIGRATIONS).await;
        let consumer = Consumer::new(SERVICE, scratch.db.clone(), scratch.transport.clone(), BookingEvents);
        let state = AppState {
            db: scratch.db.clone(),
            payments: Payments::new(Settings::new(payment.url.parse().unwrap(), PAYMENT_DEADLINE)),
            cinema: "CGV".to_owned(),
            cancel_wait,
            applied: consumer.applied(),
        };
        let client = Client(router(state, Health::of(&scratch.db)));
        Self { scratch, client, consumer, payment }
    }

    /// Books the seed's two seats and returns the booking's id.
    pub async fn book(&self) -> i64 {
        let answer = self.client.post("/books", soul()).await;
        answer.body["id"].as_i64().unwrap()
    }

    pub async fn status(&self, id: i64) -> String {
        let answer = self.client.get(&format!("/books/{id}")).await;
        answer.body["status"].as_str().unwrap().to_owned()
    }

    pub async fn deliver(&self, event: impl Into<Event>) {
        fleet::deliver(&self.consumer, event).await.unwrap();
    }

    pub async fn told(&self) -> Vec<&'static str> {
        fleet::outbox_types(&self.scratch.db).await
    }

    /// How each test ends.
    pub async fn settled(self) {
        fleet::assert_settled(&self.scratch.db, &self.scratch.transport).await;
    }
}

/// The seed's booking.
pub fn soul() -> Value {
    json!({"qty": 2, "movieName": "soul", "seat": "1A,2B", "totalPrice": 10000})
}

pub fn paid(id: i64, total_price: i64) -> Paid {
    Paid {
        id: PaymentId::new(70 + id).unwrap(),
        booking_id: BookingId::new(id).unwrap(),
        status: Some("Paid".to_owned()),
        total_price: Some(total_price),
    }
}

pub fn payment_canceled(id: i64) -> PaymentCanceled {
    PaymentCanceled {
        id: PaymentId::new(70 + id).unwrap(),
        booking_id: BookingId::new(id).unwrap(),
        status: Some("Canceled".to_owned()),
    }
}

pub fn cancel_rejected(id: i64) -> CancelRejected {
    let booking_id = BookingId::new(id).unwrap();
    CancelRejected { id: TicketId::from(booking_id), booking_id, status: Some("Printed".to_owned()) }
}

pub fn printed(id: i64) -> Printed {
    let booking_id = BookingId::new(id).unwrap();
    Printed { id: TicketId::from(booking_id), booking_id, status: Some("Printed".to_owned()) }
}
