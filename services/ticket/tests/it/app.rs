//! The service with its own database and a fake point service.

use std::time::Duration;

use events::{
    Booked, BookingId, CancelRequested, Canceled, CustomerId, Event, Screening, ScreeningId, TicketId,
};
use messaging::Consumer;
use serde_json::json;
use test_kit::{Answer, Client, FakeUpstream, Scratch, fleet};
use ticket::app::begin_collecting;
use ticket::clients::Points;
use ticket::consumers::TicketEvents;
use ticket::reconciler::Reconciler;
use ticket::{AppState, MIGRATIONS, SERVICE, router};
use upstream::Settings;

/// Long enough for a response on this machine, and short enough to wait for one that never arrives.
pub const POINT_DEADLINE: Duration = Duration::from_millis(300);

pub struct App {
    pub scratch: Scratch,
    pub client: Client,
    pub consumer: Consumer<TicketEvents>,
    pub point: FakeUpstream,
}

impl App {
    /// A service whose point service grants all points.
    pub async fn new() -> Self {
        Self::beside(FakeUpstream::answers(201, json!({})).await).await
    }

    pub async fn beside(point: FakeUpstream) -> Self {
        let scratch = Scratch::new(SERVICE, &MIGRATIONS).await;
        let consumer = Consumer::new(SERVICE, scratch.db.clone(), scratch.transport.clone(), TicketEvents);
        let client = Client(router(state(&scratch, &point), service::health::of(&scratch.db)));
        Self { scratch, client, consumer, point }
    }

    /// From now on, calls go to another point service; the database stays.
    pub fn now_beside(&mut self, point: FakeUpstream) {
        self.client = Client(router(state(&self.scratch, &point), service::health::of(&self.scratch.db)));
        self.point = point;
    }

    /// From now on, calls to the point service use `settings`.
    pub fn now_calling(&mut self, settings: Settings) {
        let state = AppState { db: self.scratch.db.clone(), points: Points::new(settings) };
        self.client = Client(router(state, service::health::of(&self.scratch.db)));
    }

    pub fn reconciler(&self) -> Reconciler {
        Reconciler::new(state(&self.scratch, &self.point), POINT_DEADLINE)
    }

    /// Runs a round of the reconciler, as at the start of a process.
    pub async fn reconcile(&self) {
        self.reconciler().run_once(Duration::ZERO).await.unwrap();
    }

    pub async fn collect(&self, id: i64) -> Answer {
        self.client.patch(&format!("/tickets/{id}"), json!({"status": "Printed"})).await
    }

    /// Begins to collect the ticket `id` like a process that crashes then.
    pub async fn begin_and_crash(&self, id: i64) {
        let mut tx = self.scratch.db.begin().await.unwrap();
        begin_collecting(&mut tx, TicketId::new(id).unwrap()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn status(&self, id: i64) -> String {
        let answer = self.client.get(&format!("/tickets/{id}")).await;
        answer.body["status"].as_str().unwrap().to_owned()
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

fn state(scratch: &Scratch, point: &FakeUpstream) -> AppState {
    AppState {
        db: scratch.db.clone(),
        points: Points::new(Settings::new(point.url.parse().unwrap(), POINT_DEADLINE)),
    }
}

/// The event of the seed's booking.
pub fn booked(id: i64) -> Booked {
    Booked {
        id: BookingId::new(id).unwrap(),
        qty: Some(2),
        seat: Some("1A,2B".to_owned()),
        movie_name: Some("soul".to_owned()),
        status: Some("Registered".to_owned()),
        total_price: Some(10_000),
        name: Some("CGV".to_owned()),
        customer_id: Some(CustomerId::new(33).unwrap()),
        screening: Screening::default(),
    }
}

/// The event of a booking for a screening that begins at that hour.
pub fn booked_at(id: i64, hour: i64) -> Booked {
    let time = |hour: i64| format!("2026-12-01T{hour:02}:30:00Z").parse().ok();
    let screening = Screening {
        screening_id: ScreeningId::new(hour).ok(),
        theatre: Some("Gangnam".to_owned()),
        hall: Some("Hall 1".to_owned()),
        starts_at: time(hour),
        ends_at: time(hour + 2),
    };
    Booked { screening, ..booked(id) }
}

pub fn canceled(id: i64) -> Canceled {
    Canceled { id: BookingId::new(id).unwrap(), status: Some("Canceled".to_owned()) }
}

pub fn cancel_requested(id: i64) -> CancelRequested {
    CancelRequested { id: BookingId::new(id).unwrap(), status: Some("Canceling".to_owned()) }
}

/// The status and the problem of a response.
pub fn outcome(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.problem())
}
