//! The service with its own database.

use events::{BookingId, Created, CustomerId, Event, TicketId};
use messaging::Consumer;
use point::consumers::PointEvents;
use point::{AppState, MIGRATIONS, SERVICE, router};
use serde_json::Value;
use test_kit::{Answer, Client, Scratch, fleet};

pub struct App {
    pub scratch: Scratch,
    pub client: Client,
    pub consumer: Consumer<PointEvents>,
}

impl App {
    pub async fn new() -> Self {
        let scratch = Scratch::new(SERVICE, &MIGRATIONS).await;
        let consumer = Consumer::new(SERVICE, scratch.db.clone(), scratch.transport.clone(), PointEvents);
        let state = AppState { db: scratch.db.clone() };
        let client = Client(router(state, service::health::of(&scratch.db)));
        Self { scratch, client, consumer }
    }

    pub async fn grant(&self, body: Value) -> Answer {
        self.client.post("/points", body).await
    }

    /// The booking's rows, oldest first.
    pub async fn rows(&self, booking: i64) -> Vec<Value> {
        let path = format!("/points/search/findByBookingId?bookingId={booking}");
        let answer = self.client.get(&path).await;
        answer.body["_embedded"]["points"].as_array().unwrap().clone()
    }

    pub async fn balance(&self, customer: i64) -> Value {
        let path = format!("/points/balance?customerId={customer}");
        self.client.get(&path).await.body["balance"].clone()
    }

    pub async fn total(&self) -> Value {
        self.client.get("/points").await.body["page"]["totalElements"].clone()
    }

    pub async fn deliver(&self, event: impl Into<Event>) {
        fleet::deliver(&self.consumer, event).await.unwrap();
    }

    pub async fn published(&self) -> Vec<&'static str> {
        fleet::outbox_types(&self.scratch.db).await
    }

    /// Ends each test: every event is published, and there are no dead letters.
    pub async fn settled(self) {
        fleet::assert_settled(&self.scratch.db, &self.scratch.transport).await;
    }
}

/// The event of a ticket of customer 33 for the seed's movie.
pub fn created(booking: i64) -> Created {
    let booking_id = BookingId::new(booking).unwrap();
    Created {
        id: TicketId::from(booking_id),
        booking_id,
        status: Some("Waiting".to_owned()),
        movie_name: Some("soul".to_owned()),
        qty: Some(2),
        seat: Some("1A,2B".to_owned()),
        customer_id: CustomerId::new(33).ok(),
        screening: events::Screening::default(),
    }
}
