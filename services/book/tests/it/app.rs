//! The service on a database of its own, with a payment service that the test chooses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use book::app::Rules;
use book::booking_protocol;
use book::clients::Payments;
use book::consumers::BookingEvents;
use book::domain::Order;
use book::reconciler::Reconciler;
use book::{AppState, MIGRATIONS, SERVICE, router};
use events::{BookingId, CancelRejected, Event, Paid, PaymentCanceled, PaymentId, Printed, TicketId};
use http::StatusCode;
use http_api::staff::Staff;
use jiff::{Timestamp, ToSpan};
use messaging::Consumer;
use serde_json::{Value, json};
use storage::query;
use test_kit::{Answer, Client, FakeUpstream, Scratch, fleet};
use upstream::Settings;

/// Long enough for a response on a busy machine, and short enough to wait for one that never comes.
const PAYMENT_DEADLINE: Duration = Duration::from_secs(1);

/// How long a hold that has ended stays while payment is asked about it.
const INQUIRY_TIME: Duration = Duration::from_secs(5);

/// The token of the staff.
pub const STAFF_TOKEN: &str = "popcorn";

/// The default limits.
pub const RULES: Rules = Rules {
    hold: Duration::from_secs(600),
    attempt: Duration::from_secs(60),
    max_held: 1_000,
    max_held_per_customer: 5,
    max_places_per_customer: 20,
    turnover: Duration::from_secs(15 * 60),
};

pub struct App {
    pub scratch: Scratch,
    pub client: Client,
    pub consumer: Consumer<BookingEvents>,
    pub payment: FakeUpstream,
    pub reconciler: Reconciler,
    state: AppState,
}

impl App {
    /// With a payment service that accepts every payment.
    pub async fn new() -> Self {
        Self::beside(FakeUpstream::answers(201, json!({})).await).await
    }

    pub async fn beside(payment: FakeUpstream) -> Self {
        Self::with_cancel_wait(payment, Duration::ZERO).await
    }

    pub async fn with_cancel_wait(payment: FakeUpstream, cancel_wait: Duration) -> Self {
        Self::start(payment, cancel_wait, RULES).await
    }

    pub async fn with_rules(payment: FakeUpstream, rules: Rules) -> Self {
        Self::start(payment, Duration::ZERO, rules).await
    }

    async fn start(payment: FakeUpstream, cancel_wait: Duration, rules: Rules) -> Self {
        let scratch = Scratch::new(SERVICE, &MIGRATIONS).await;
        let consumer = Consumer::new(SERVICE, scratch.db.clone(), scratch.transport.clone(), BookingEvents);
        let state = AppState {
            db: scratch.db.clone(),
            payments: Payments::new(Settings::new(payment.url.parse().unwrap(), PAYMENT_DEADLINE)),
            cinema: "CGV".to_owned(),
            rules,
            staff: Staff::with_token(STAFF_TOKEN),
            left_pending: Arc::default(),
            cancel_wait,
            waiters: consumer.waiters(),
            // Only wakes end a wait in tests.
            poll_every: Duration::from_secs(3600),
        };
        let reconciler = Reconciler::new(state.clone());
        let client = Client(router(state.clone(), service::health::of(&scratch.db)));
        Self { scratch, client, consumer, payment, reconciler, state }
    }

    /// Another replica of the service on the same database, which calls another payment service.
    pub fn now_calling(&self, payment: FakeUpstream) -> Client {
        self.replica_with_rules(payment, RULES)
    }

    /// The same with other `rules`.
    pub fn replica_with_rules(&self, payment: FakeUpstream, rules: Rules) -> Client {
        let state = AppState { rules, ..self.state_calling(payment) };
        Client(router(state, service::health::of(&self.scratch.db)))
    }

    /// The reconciler of another replica, which calls another payment service.
    pub fn reconciler_calling(&self, payment: FakeUpstream) -> Reconciler {
        Reconciler::new(self.state_calling(payment))
    }

    fn state_calling(&self, payment: FakeUpstream) -> AppState {
        let settings = Settings::new(payment.url.parse().unwrap(), PAYMENT_DEADLINE);
        AppState { payments: Payments::new(settings), ..self.state.clone() }
    }

    /// Books the seed's two seats and returns the booking's id.
    pub async fn book(&self) -> i64 {
        let answer = self.client.post("/books", soul()).await;
        answer.body["id"].as_i64().unwrap()
    }

    /// Leaves what a crash after the first transaction leaves: a pending booking whose first attempt to pay
    /// was never sent.
    pub async fn open_and_crash(&self) {
        let order = Order::parse(None, None, None, Some(10_000));
        booking_protocol::open(&self.state, order, None).await.unwrap();
    }

    /// Announces a screening of two seats and returns its id.
    pub async fn announce(&self, screening: Value) -> i64 {
        let answer = self.announced(screening, STAFF_TOKEN).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_i64().unwrap()
    }

    pub async fn announced(&self, screening: Value, token: &str) -> Answer {
        self.client.post_with("/screenings", screening, &[("x-staff-token", token)]).await
    }

    /// Moves the time until all running attempts have ended and all scheduled inquiries are due. The holds
    /// last longer.
    pub fn make_inquiries_due(&self) {
        self.scratch.clock.advance(RULES.attempt);
    }

    /// Moves the time until all holds and all running attempts have ended.
    pub fn end_holds(&self) {
        self.scratch.clock.advance(RULES.hold + RULES.attempt);
    }

    /// Moves the time past the end of all holds, and runs `reconciler` until those in doubt have expired too.
    /// Each inquiry keeps such a hold for [`INQUIRY_TIME`], so it expires in the first pause between
    /// inquiries that is longer.
    pub async fn expire_holds_in_doubt(&self, reconciler: &Reconciler) {
        self.end_holds();
        for _ in 0..4 {
            reconciler.run_once().await.unwrap();
            self.scratch.clock.advance(INQUIRY_TIME);
        }
    }

    /// Moves the time to the start of the screening of [`small_hall`].
    pub fn start_screening(&self) {
        let start: Timestamp = start_of_small_hall().parse().unwrap();
        let wait = start.duration_since(self.scratch.db.now());
        self.scratch.clock.advance(wait.try_into().unwrap());
    }

    pub async fn execute(&self, sql: &'static str) {
        let mut tx = self.scratch.db.begin().await.unwrap();
        tx.execute(query(sql)).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Whether the reconciler was woken since the last call of this function.
    pub async fn has_woken_the_reconciler(&self) -> bool {
        tokio::time::timeout(Duration::ZERO, self.state.left_pending.notified()).await.is_ok()
    }

    pub async fn status(&self, id: i64) -> String {
        let answer = self.client.get(&format!("/books/{id}")).await;
        answer.body["status"].as_str().unwrap().to_owned()
    }

    pub async fn deliver(&self, event: impl Into<Event>) {
        fleet::deliver(&self.consumer, event).await.unwrap();
    }

    pub async fn published(&self) -> Vec<&'static str> {
        fleet::outbox_types(&self.scratch.db).await
    }

    /// Ends a test: the outbox must be drained, and the dead letters empty.
    pub async fn settled(self) {
        fleet::assert_settled(&self.scratch.db, &self.scratch.transport).await;
    }
}

/// A payment service without payments, which accepts every payment once it works.
pub async fn recovering_payment() -> (FakeUpstream, Arc<AtomicBool>) {
    let works = Arc::new(AtomicBool::new(false));
    let state = works.clone();
    let payment = FakeUpstream::routes(move |_, path| match path {
        "/payments/inquiries" => (StatusCode::OK, json!({"_embedded": {"payments": []}})),
        _ if state.load(Ordering::SeqCst) => (StatusCode::CREATED, json!({})),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, json!({})),
    });
    (payment.await, works)
}

/// The RFC 3339 text for a time of UTC, such as `19:30`, `days` days from today.
pub fn in_days(days: i64, time: &str) -> String {
    let date = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    format!("{}T{time}:00Z", date.saturating_add(days.days()))
}

/// When the screening of [`small_hall`] starts.
fn start_of_small_hall() -> String {
    in_days(7, "19:30")
}

/// Two rows of two seats; the second row costs more.
pub fn small_hall() -> Value {
    json!({
        "movieName": "soul", "theatre": "Hall 1", "startsAt": start_of_small_hall(),
        "hall": {"rows": [
            {"name": "1", "seats": "A_B", "accessible": "A", "companion": "B"},
            {"name": 2, "seats": "AB", "priceClass": "premium"},
        ]},
        "prices": {"standard": 12000, "premium": "15000"},
    })
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
