//! The stories from the five databases, and the provider's ledger beside them.
//!
//! # Layout
//!
//! - [`audit`]: the whole of it: every booking, and a second, closer look at what seems wrong.
//! - `pages`: rows of six tables in the order of their bookings, side by side.
//! - `closely`: some stories, whole.
//! - `ledger`: what the provider charged and refunded.
//! - `places`: what is left at each screening.

mod closely;
mod ledger;
mod pages;
mod places;

pub use ledger::highest_booking;
use storage::{Db, Error, query_as};

use crate::clock::Clock;
use crate::compare::violations_of;
use crate::report::{Report, Terms};
use crate::story::{Story, UnsentRow};

/// Unsent events that are known at the first look; those beyond are seen at the second.
const UNSENT_MAX: i64 = 100_000;

/// The databases of a fleet; they are only read.
#[derive(Clone, Debug)]
pub struct Databases {
    pub book: Db,
    pub payment: Db,
    pub ticket: Db,
    pub point: Db,
    pub mypage: Db,
    /// `None` where there is no provider of ours, or its ledger cannot be read.
    pub provider: Option<Provider>,
}

/// The sandbox payment provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its database; it is only read.
    pub db: Db,
    /// What the references of this fleet begin with. The provider may serve others too.
    pub fleet_id: String,
    /// Where it can be asked to cancel, for a repair.
    pub url: String,
}

impl Databases {
    /// Closes all of them, so that the files of a stopped fleet are left as they were.
    pub async fn close(&self) {
        let Self { book, payment, ticket, point, mypage, provider } = self;
        let provider = provider.as_ref().map(|provider| &provider.db);
        for db in [book, payment, ticket, point, mypage].into_iter().chain(provider) {
            db.close().await;
        }
    }

    /// Those that have an outbox, by the names of their services.
    fn writers(&self) -> [(&'static str, &Db); 4] {
        [("book", &self.book), ("payment", &self.payment), ("ticket", &self.ticket), ("point", &self.point)]
    }
}

/// Reads everything, and tells what is wrong.
///
/// # Errors
///
/// When a database is away, or has not this version's tables.
pub async fn audit(databases: &Databases, terms: Terms) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut pages = pages::Pages::new(databases, unsent(databases).await?);
    while let Some(stories) = pages.next().await? {
        stories.iter().for_each(|story| report.count(story, terms));
        let clock = Clock::new(terms.settle);
        let suspects: Vec<i64> = stories
            .into_iter()
            .filter(|story| !violations_of(story, clock).is_empty())
            .map(|story| story.booking_id)
            .collect();
        look_again(databases, &suspects, terms, &mut report).await?;
    }
    for violation in places::violations(&databases.book).await? {
        report.add_screening(violation, terms);
    }
    match &databases.provider {
        Some(provider) => look_for_unknown_charges(databases, provider, terms, &mut report).await?,
        None => report.not_seen.push("what the payment provider charged and refunded".to_owned()),
    }
    Ok(report)
}

/// Charges of which no service knows anything: their bookings are in no table, so no page had them.
async fn look_for_unknown_charges(
    databases: &Databases,
    provider: &Provider,
    terms: Terms,
    report: &mut Report,
) -> Result<(), Error> {
    let mut scan = ledger::Scan::new(provider);
    while let Some(ids) = scan.next().await? {
        for ids in ids.chunks(closely::AT_ONCE) {
            let unknown = ledger::unknown(databases, ids).await?;
            // The others were looked at with their rows.
            let stories = closely::read(databases, &unknown).await?;
            let unknown: Vec<i64> =
                stories.iter().filter(|story| !story.is_known()).map(|story| story.booking_id).collect();
            report.bookings += unknown.len() as u64;
            look_again(databases, &unknown, terms, report).await?;
        }
    }
    report.ledger = Some(scan.seen());
    Ok(())
}

/// What seemed wrong may only have been read at two moments; so it is read once more, whole.
async fn look_again(
    databases: &Databases,
    suspects: &[i64],
    terms: Terms,
    report: &mut Report,
) -> Result<(), Error> {
    for ids in suspects.chunks(closely::AT_ONCE) {
        for story in closely::read(databases, ids).await? {
            let clock = Clock::new(terms.settle);
            let violations = violations_of(&story, clock);
            if violations.is_empty() {
                continue;
            }
            if clock.is_in_flight(&story) {
                report.in_flight += 1;
            } else {
                report.add(story, violations, terms);
            }
        }
    }
    Ok(())
}

/// The story of one booking, as it is now.
///
/// # Errors
///
/// As [`audit`].
pub async fn story(databases: &Databases, booking_id: i64) -> Result<Story, Error> {
    let mut stories = closely::read(databases, &[booking_id]).await?;
    Ok(stories.pop().unwrap_or_else(|| Story::of(booking_id)))
}

/// The events that wait in the outboxes, by their bookings.
async fn unsent(databases: &Databases) -> Result<Vec<(i64, UnsentRow)>, Error> {
    let mut all = Vec::new();
    for (service, db) in databases.writers() {
        let find = query_as::<(String, String, i64)>(
            "SELECT aggregateid, type, occurred_at FROM outbox WHERE sent_at IS NULL ORDER BY seq LIMIT $1",
        )
        .bind(UNSENT_MAX);
        all.extend(db.read().await?.fetch_all(find).await?.into_iter().filter_map(|row| read(service, row)));
    }
    Ok(all)
}

/// `None`: it is about nothing that could be a booking.
fn read(service: &'static str, (id, event, at): (String, String, i64)) -> Option<(i64, UnsentRow)> {
    Some((id.parse().ok()?, UnsentRow { service, event, occurred_at: Some(at) }))
}
