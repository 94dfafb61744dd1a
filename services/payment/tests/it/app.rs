//! The service on a database of its own.

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

pub struct App {
    pub scratch: Scratch,
    pub client: Client,
    pub consumer: Consumer<PaymentEvents>,
    pub provider: Provider,
    pub refunder: Refunder,
    pub state: AppState,
}

impl App {
    /// Beside a provider that takes every payment at once.
    pub async fn new() -> Self {
        Self::beside(Provider::new().await).await
    }

    pub async fn beside(provider: Provider) -> Self {
        let settings = provider.settings();
        Self::calling(provider, settings).await
    }

    /// [`new`](Self::new) on files that wait for no disk.
    pub async fn in_memory() -> Self {
        let provider = Provider::new().await;
        let settings = provider.settings();
        Self::on(Scratch::in_memory(SERVICE, &MIGRATIONS).await, provider, settings)
    }

    pub async fn calling(provider: Provider, settings: Settings) -> Self {
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

    /// The refunder comes by, and every cancel in progress is due.
    pub async fn refund(&self) {
        self.execute("UPDATE payments SET ask_at = 0 WHERE ask_at IS NOT NULL").await;
        self.refunder.look().await.unwrap();
    }

    /// What book asks about an attempt in doubt.
    pub async fn inquire(&self, booking: i64) -> Answer {
        self.client.post("/payments/inquiries", json!({"bookingId": booking})).await
    }

    /// Pays the seed's 10,000 for the booking.
    pub async fn pay(&self, booking: i64) -> Answer {
        self.client.post("/payments", demand(booking, 10_000)).await
    }

    /// The same, under a name of the client's choice.
    pub async fn pay_as(&self, key: &str, body: &Value) -> Answer {
        self.post_with("idempotency-key", key, body).await
    }

    /// Sends a payment with a header of its own.
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

    /// The status of the booking's payment; `null` when it has none.
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

    pub async fn told(&self) -> Vec<&'static str> {
        fleet::outbox_types(&self.scratch.db).await
    }

    /// How each test ends.
    pub async fn settled(self) {
        fleet::assert_settled(&self.scratch.db, &self.scratch.transport).await;
    }
}

/// What book sends.
pub fn demand(booking: i64, price: i64) -> Value {
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
