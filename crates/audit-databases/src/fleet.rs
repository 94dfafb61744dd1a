//! Reads every booking, and reads again what looks wrong.

use audit::report::{Report, Terms};
use audit::{Clock, violations_of};
use storage::Error;

use crate::databases::{Databases, Provider};
use crate::pages::Pages;
use crate::{ledger, places, stories, unsent};

/// Audits all bookings of a fleet.
///
/// # Errors
///
/// When a database is unreachable, or lacks the tables of this version.
pub async fn audit(databases: &Databases, terms: Terms) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut pages = Pages::new(databases, unsent::all(databases).await?);
    while let Some(stories) = pages.next().await? {
        stories.iter().for_each(|story| report.count(story, terms));
        let clock = Clock::new(terms.settle);
        let suspects: Vec<i64> = stories
            .into_iter()
            .filter(|story| !violations_of(story, clock).is_empty())
            .map(|story| story.booking_id)
            .collect();
        check_again(databases, &suspects, terms, &mut report).await?;
    }
    for violation in places::violations(&databases.book).await? {
        report.add_screening(violation, terms);
    }
    match &databases.provider {
        Some(provider) => audit_unknown_charges(databases, provider, terms, &mut report).await?,
        None => report.not_seen.push("the charges and refunds of the payment provider".to_owned()),
    }
    Ok(report)
}

/// Audits the charges whose bookings are in no table, so that no page contained them.
async fn audit_unknown_charges(
    databases: &Databases,
    provider: &Provider,
    terms: Terms,
    report: &mut Report,
) -> Result<(), Error> {
    let mut scan = ledger::Scan::new(provider);
    while let Some(ids) = scan.next().await? {
        for ids in ids.chunks(stories::AT_ONCE) {
            let unknown = ledger::unknown(databases, ids).await?;
            // A booking that another service has a row of was in a page.
            let stories = stories::read(databases, &unknown).await?;
            let unknown: Vec<i64> =
                stories.iter().filter(|story| !story.is_known()).map(|story| story.booking_id).collect();
            report.bookings += unknown.len() as u64;
            check_again(databases, &unknown, terms, report).await?;
        }
    }
    report.ledger = Some(scan.seen());
    Ok(())
}

/// Reads the suspects once more and reports what is still wrong: the first time, their rows were read at
/// different moments.
async fn check_again(
    databases: &Databases,
    suspects: &[i64],
    terms: Terms,
    report: &mut Report,
) -> Result<(), Error> {
    for ids in suspects.chunks(stories::AT_ONCE) {
        for story in stories::read(databases, ids).await? {
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
