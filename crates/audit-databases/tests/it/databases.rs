//! The databases of a fleet and of the provider, with two right bookings.

use std::time::Duration;

use audit::{Kind, Report, Story, Terms};
use audit_databases::repair::{Outcome, Repaired, repair};
use audit_databases::{Databases, Provider, audit, story};
use jiff::Timestamp;
use processor::AppState;
use processor::sandbox::Sandbox;
use storage::{Clock, Db, Migrations, Settings, query};
use tempfile::TempDir;
use test_kit::fleet::outbox_types;
use test_kit::scratch::database_url;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;

/// The booking in which tests plant violations.
pub const PLANTED: i64 = 1;
/// The booking that an audit and a repair must leave alone.
pub const BYSTANDER: i64 = 2;

/// The beginning of this fleet's references.
const FLEET_ID: &str = "k3x9";

/// Each test has six databases. Running more tests at once would only be slower.
static TURNS: Semaphore = Semaphore::const_new(2);

pub struct Fleet {
    pub databases: Databases,
    /// The clock of the provider's database.
    pub clock: Clock,
    /// The task of the payment provider.
    _provider: JoinHandle<()>,
    _directory: TempDir,
    _turn: SemaphorePermit<'static>,
}

/// The service that a database belongs to.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    Book,
    Payment,
    Ticket,
    Point,
    Mypage,
    Processor,
}

impl Fleet {
    /// A fleet with two paid bookings, whose tickets are not collected.
    pub async fn new() -> Self {
        let fleet = Self::empty().await;
        for id in [PLANTED, BYSTANDER] {
            fleet.add(id).await;
        }
        fleet
    }

    pub async fn empty() -> Self {
        let turn = TURNS.acquire().await.unwrap();
        let directory = TempDir::new().unwrap();
        let databases = Databases {
            book: open("book", &book::MIGRATIONS, &directory).await,
            payment: open("payment", &payment::MIGRATIONS, &directory).await,
            ticket: open("ticket", &ticket::MIGRATIONS, &directory).await,
            point: open("point", &point::MIGRATIONS, &directory).await,
            mypage: open("mypage", &mypage::MIGRATIONS, &directory).await,
            provider: None,
        };
        let clock = Clock::movable();
        let db = open("processor", &processor::MIGRATIONS, &directory).await.with_clock(clock.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = AppState::new(db.clone(), Sandbox::default());
        let router = processor::router(state, service::health::of(&db));
        let provider = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let databases =
            Databases { provider: Some(Provider { db, fleet_id: FLEET_ID.to_owned(), url }), ..databases };
        Self { databases, clock, _provider: provider, _directory: directory, _turn: turn }
    }

    /// Adds the booking `id`, which must be the next one.
    async fn add(&self, id: i64) {
        for (of, sql) in [
            (
                Of::Book,
                "INSERT INTO bookings (movie_name, seat, qty, total_price, name, customer_id, status, paid,
                     created_at, updated_at, movie_key)
                 VALUES ('soul', CASE WHEN $1 = 1 THEN '1A,2B' ELSE '3C,4D' END, 2, 10000, 'CGV', 33, 'PaidComplete', 1,
                     $2, $2, 'soul')",
            ),
            (
                Of::Book,
                "INSERT INTO seat_claims (place, seat, booking_id)
                 SELECT 'movie:soul', CASE WHEN id = 1 THEN '1A' ELSE '3C' END, id FROM bookings
                 WHERE id = $1 AND created_at <= $2
                 UNION ALL
                 SELECT 'movie:soul', CASE WHEN id = 1 THEN '2B' ELSE '4D' END, id FROM bookings WHERE id = $1",
            ),
            (
                Of::Payment,
                "INSERT INTO payments (booking_id, total_price, status, reference, created_at, updated_at)
                 VALUES ($1, 10000, 'Paid', CASE WHEN $1 = 1 THEN 'k3x9-booking-1' ELSE 'k3x9-booking-2' END, $2, $2)",
            ),
            (
                Of::Processor,
                "INSERT INTO payments (reference, status, amount, currency, charged_at, created_at, updated_at)
                 VALUES (CASE WHEN $1 = 1 THEN 'k3x9-booking-1' ELSE 'k3x9-booking-2' END, 'succeeded', 10000, 'KRW',
                     $2, $2, $2)",
            ),
            (
                Of::Processor,
                "INSERT INTO ledger (reference, kind, amount, currency, created_at)
                 VALUES (CASE WHEN $1 = 1 THEN 'k3x9-booking-1' ELSE 'k3x9-booking-2' END, 'charge', 10000, 'KRW', $2)",
            ),
            (
                Of::Ticket,
                "INSERT INTO tickets (booking_id, movie_name, qty, seat, customer_id, status, asks, issued, created_at,
                     updated_at)
                 VALUES ($1, 'soul', 2, NULL, 33, 'Waiting', 0, 1, $2, $2)",
            ),
            (
                Of::Point,
                "INSERT INTO points (booking_id, customer_id, score, contents, status, created_at)
                 VALUES ($1, 33, 0, 'soul', 'Waiting Point', $2)",
            ),
            (
                Of::Mypage,
                "INSERT INTO mypages (booking_id, booked, shown, customer_id, movie_name, seat, qty, price, status,
                     score, ticket_id, updated_at)
                 VALUES ($1, 1, 1, 33, 'soul', CASE WHEN $1 = 1 THEN '1A,2B' ELSE '3C,4D' END, 2, 10000, 'Booked', 0, $1, $2)",
            ),
            (Of::Mypage, "INSERT INTO timeline (booking_id, event, happened_at) VALUES ($1, 'Booked', $2)"),
        ] {
            let mut tx = self.db(of).begin().await.unwrap();
            tx.execute(query(sql).bind(id).bind(hour_ago())).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    pub fn db(&self, of: Of) -> &Db {
        match of {
            Of::Book => &self.databases.book,
            Of::Payment => &self.databases.payment,
            Of::Ticket => &self.databases.ticket,
            Of::Point => &self.databases.point,
            Of::Mypage => &self.databases.mypage,
            Of::Processor => &self.provider().db,
        }
    }

    pub fn provider(&self) -> &Provider {
        self.databases.provider.as_ref().unwrap()
    }

    pub async fn execute(&self, of: Of, sql: &'static str) {
        let mut tx = self.db(of).begin().await.unwrap();
        tx.execute(query(sql)).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn audit(&self) -> Report {
        audit(&self.databases, terms()).await.unwrap()
    }

    /// The kinds of all violations, in the order of the bookings.
    pub async fn kinds(&self) -> Vec<Kind> {
        let report = self.audit().await;
        let bookings = report.findings.iter().flat_map(|finding| &finding.violations);
        bookings.chain(&report.screenings).map(|violation| violation.kind).collect()
    }

    pub async fn repair(&self) -> Vec<Repaired> {
        self.repair_at_most(20).await.repaired
    }

    pub async fn repair_at_most(&self, refunds: u32) -> Outcome {
        repair(&self.databases, &self.audit().await, refunds).await.unwrap()
    }

    /// The stories of both bookings, without unsent events.
    pub async fn stories(&self) -> [Story; 2] {
        let mut stories = [PLANTED, BYSTANDER].map(Story::of);
        for current in &mut stories {
            *current = story(&self.databases, current.booking_id).await.unwrap();
            current.unsent.clear();
        }
        stories
    }

    /// All events in the outboxes.
    pub async fn published(&self) -> Vec<String> {
        let mut published = Vec::new();
        for (service, of) in
            [("book", Of::Book), ("payment", Of::Payment), ("ticket", Of::Ticket), ("point", Of::Point)]
        {
            let types = outbox_types(self.db(of)).await;
            published.extend(types.iter().map(|event| format!("{service} {event}")));
        }
        published
    }
}

async fn open(name: &str, migrations: &Migrations, directory: &TempDir) -> Db {
    let url = database_url(name, directory).await;
    let db = Db::open_within(&url, Settings::default(), Duration::from_secs(30)).await.unwrap();
    db.migrate(&[&messaging::MIGRATIONS, migrations]).await.unwrap();
    db
}

pub fn terms() -> Terms {
    Terms { settle: Duration::from_secs(60), shown: 100 }
}

pub fn hour_ago() -> i64 {
    Timestamp::now().as_microsecond() - 3_600_000_000
}
