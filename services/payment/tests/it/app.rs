//! The service with its own database.

use std::time::Duration;

use axum::body::Body;
use events::{BookingId, Event, HoldExpired, TicketCanceled, TicketId};
use http::Request;
use messaging::Consumer;
use payment::clients::Processor;
use payment::consumers::PaymentEvents;
use payment::refunder::Refunder;
use payment::{AppState, MIGRATIONS, SERVICE, router};
use serde_json::{Value, json};
use storage::query;
use test_kit::{Answer, Client, Scratch, fleet};
use upstream::Settings;

use crate::provider::Provider;

/// Maximum pause between two attempts to cancel.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(64);

pub struct App {
    pub scratch: Scratch,
    pub client: Client,
    pub consumer: Consumer<PaymentEvents>,
    pub provider: Provider,
    pub refunder: Refunder,
    pub state: AppState,
}

impl App {
    /// With a provider that charges every payment immediately.
    pub async fn new() -> Self {
        Self::with_provider(Provider::new().await).await
    }

    pub async fn with_provider(provider: Provider) -> Self {
        let settings = provider.settings();
        Self::with_settings(provider, settings).await
    }

    /// Like [`new`](Self::new), with databases in memory.
    pub async fn in_memory() -> Self {
        let provider = Provider::new().await;
        let settings = provider.settings();
        Self::on(Scratch::in_memory(SERVICE, &MIGRATIONS).await, provider, settings)
    }

    pub async fn with_settings(provider: Provider, settings: Settings) -> Self {
        Self::on(Scratch::new(SERVICE, &MIGRATIONS).await, provider, settings)
    }

    fn on(scratch: Scratch, provider: Provider, settings: Settings) -> Self {
        let consumer = Consumer::new(SERVICE, scratch.db.clone(), scratch.transport.clone(), PaymentEvents);
        let processor = Processor::new(settings, "test".parse().unwrap());
        let state = AppState { db: scratch.db.clone(), processor };
        let client = Client(router(state.clone(), service::health::of(&scratch.db)));
        let refunder = Refunder::new(state.clone());
        Self { scratch, client, consumer, provider, refunder, state }
    }

    pub async fn execute(&self, sql: &'static str) {
        let mut tx = self.scratch.db.begin().await.unwrap();
        tx.execute(query(sql)).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Moves the time until every cancellation in progress is due, and runs the refunder once.
    pub async fn refund(&self) {
        self.scratch.clock.advance(LONGEST_PAUSE);
        self.refunder.run_once().await.unwrap();
    }

    /// Inquires about a payment, as book does for an attempt in doubt.
    pub async fn inquire(&self, booking: i64) -> Answer {
        self.client.post("/payments/inquiries", json!({"bookingId": booking})).await
    }

    /// Pays 10,000 for the booking, as the seed does.
    pub async fn pay(&self, booking: i64) -> Answer {
        self.client.post("/payments", payment_request(booking, 10_000)).await
    }

    /// Pays with an idempotency key.
    pub async fn pay_with_key(&self, key: &str, body: &Value) -> Answer {
        self.post_with("idempotency-key", key, body).await
    }

    /// Sends a payment with an additional header.
    pub async fn post_with(&self, header: &str, value: &str, body: &Value) -> Answer {
        let request = Request::post("/payments")
            .header("host", "cinema")
            .header("content-type", "application/json")
            .header(header, value);
        self.client.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn cancel(&self, booking: i64) -> Answer {
        self.client.post("/cancellations", json!({"bookingId": booking})).await
    }

    /// The status of the booking's payment; `null` if it has none.
    pub async fn status(&self, booking: i64) -> Value {
        let path = format!("/payments/search/findByBookingId?bookingId={booking}");
        self.client.get(&path).await.body["_embedded"]["payments"][0]["status"].clone()
    }

    pub async fn total(&self) -> Value {
        self.client.get("/payments").await.body["page"]["totalElements"].clone()
    }

    pub async fn deliver(&self, event: impl Into<Event>) {
        fleet::deliver(&self.consumer, event).await.unwrap();
    }

    /// The types of the published events, in order.
    pub async fn published(&self) -> Vec<&'static str> {
        fleet::outbox_types(&self.scratch.db).await
    }

    /// Checks that all events are published and nothing is dead-lettered; each test ends with it.
    pub async fn settled(self) {
        fleet::assert_settled(&self.scratch.db, &self.scratch.transport).await;
    }
}

/// The payment request that book sends.
pub fn payment_request(booking: i64, price: i64) -> Value {
    json!({"bookingId": booking, "status": "Paid", "totalPrice": price})
}

pub fn ticket_canceled(booking: i64) -> TicketCanceled {
    let booking_id = BookingId::new(booking).unwrap();
    TicketCanceled { id: TicketId::from(booking_id), booking_id, status: Some("Canceled".to_owned()) }
}

pub fn hold_expired(booking: i64) -> HoldExpired {
    HoldExpired {
        id: BookingId::new(booking).unwrap(),
        status: Some("Expired".to_owned()),
        qty: Some(2),
        seat: None,
        movie_name: None,
        total_price: None,
        customer_id: None,
        screening: events::Screening::default(),
    }
}
