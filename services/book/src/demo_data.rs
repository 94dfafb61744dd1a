//! A program to try the fleet with: three movies in two halls, for a week from now.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use process::StartError;
use storage::{Db, Error, Slice, Tx};

use crate::app::locks::DEMO_PROGRAM;
use crate::app::{CreateScreeningError, Rules, create_screening, withdraw_unsold};
use crate::http::screening_messages::ScreeningRequest;
use crate::store::screenings::{self, Filter};

const DAYS: i64 = 7;
/// Movie, theatre, and start, in hours and minutes of UTC. The original system's commands book movies such as
/// `soul` without a screening, so the program has none of those: a movie with screenings is booked only with
/// one.
const PROGRAM: [(&str, &str, (i8, i8)); 6] = [
    ("broker", "Hall 1", (13, 0)),
    ("parasite", "Hall 1", (16, 30)),
    ("broker", "Hall 1", (20, 0)),
    ("minari", "Hall 2", (12, 0)),
    ("parasite", "Hall 2", (15, 30)),
    ("minari", "Hall 2", (19, 30)),
];
/// The rest of each hall's announcement.
const HALLS: [(&str, &str); 2] = [
    (
        "Hall 1",
        r#"{"hall": {"rows": [
            {"name": "1", "seats": "AB_CDEF_GH", "accessible": "AH", "companion": "BG"},
            {"name": "2", "seats": "AB_CDEF_GH"}, {"name": "3", "seats": "AB_CDEF_GH"},
            {"name": "4", "seats": "AB_CDEF_GH"}, {"name": "5", "seats": "AB_CDEF_GH"},
            {"name": "6", "seats": "AB_CDEF_GH", "priceClass": "premium"},
            {"name": "7", "seats": "AB_CDEF_GH", "priceClass": "premium"}
        ]}, "prices": {"standard": 12000, "premium": 15000}}"#,
    ),
    (
        "Hall 2",
        r#"{"hall": {"rows": [
            {"name": "1", "seats": "ABC_DEF"}, {"name": "2", "seats": "ABC_DEF"},
            {"name": "3", "seats": "ABC_DEF"}, {"name": "4", "seats": "ABC_DEF", "priceClass": "couple"}
        ]}, "prices": {"standard": 10000, "couple": 14000}}"#,
    ),
];

/// The movie of the original system that an earlier version's program showed, and its theatre.
const WITHDRAWN: (&str, &str) = ("soul", "Hall 1");

/// Withdraws unsold screenings that an earlier version announced, and announces the program if no future
/// screening exists.
pub async fn announce(db: &Db, rules: &Rules) -> Result<(), StartError> {
    let failed = |error| StartError::new("announce the demo program", error);
    let mut tx = db.begin().await.map_err(|error| failed(error.into()))?;
    let withdrawn = withdraw(&mut tx).await.map_err(|error| failed(error.into()))?;
    let is_announced = announce_all(&mut tx, rules).await.map_err(failed)?;
    tx.commit().await.map_err(|error| failed(error.into()))?;
    if withdrawn > 0 {
        tracing::info!(screenings = withdrawn, "withdrew screenings of an earlier demo program");
    }
    if is_announced {
        tracing::info!(days = DAYS, "announced a demo program");
    }
    Ok(())
}

/// Deletes only screenings whose hall has exactly the program's layout: others are not its own.
async fn withdraw(tx: &mut Tx) -> Result<u64, Error> {
    // Replicas that start at the same time take turns.
    tx.lock(DEMO_PROGRAM).await?;
    let (movie, theatre) = WITHDRAWN;
    let hall = request(movie, theatre, tx.now()).hall_as_text();
    withdraw_unsold(tx, movie, theatre, &hall.unwrap_or_default()).await
}

/// Announces the program, and returns whether it had to.
async fn announce_all(tx: &mut Tx, rules: &Rules) -> Result<bool, CreateScreeningError> {
    let now = tx.now();
    let to_come = Filter { from: Some(now), ..Filter::default() };
    let first = Slice { after: 0, offset: 0, size: 1 };
    let found = screenings::page(tx, &to_come, first).await?;
    if found.is_some_and(|page| !page.rows.is_empty()) {
        return Ok(false);
    }
    for (movie, theatre, starts_at) in times(now) {
        let request = request(movie, theatre, starts_at);
        let hall = request.hall_as_text();
        let announcement = request.into_announcement().expect("halls are valid");
        create_screening(tx, &announcement, hall, rules).await?;
    }
    Ok(true)
}

fn request(movie: &str, theatre: &str, starts_at: Timestamp) -> ScreeningRequest {
    let (_, hall) = HALLS.iter().find(|(name, _)| *name == theatre).expect("every theatre has a hall");
    let mut request: serde_json::Value = serde_json::from_str(hall).expect("halls are JSON");
    request["movieName"] = movie.into();
    request["theatre"] = theatre.into();
    request["startsAt"] = starts_at.to_string().into();
    serde_json::from_value(request).expect("halls are announcements")
}

/// All future screenings of the week.
fn times(now: Timestamp) -> impl Iterator<Item = (&'static str, &'static str, Timestamp)> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let days = (0..DAYS).filter_map(move |day| today.checked_add(day.days()).ok());
    let all = days.flat_map(|date| {
        PROGRAM.iter().filter_map(move |(movie, theatre, (hour, minute))| {
            let starts_at = date.at(*hour, *minute, 0, 0).to_zoned(TimeZone::UTC).ok()?.timestamp();
            Some((*movie, *theatre, starts_at))
        })
    });
    all.filter(move |(_, _, starts_at)| *starts_at > now)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn program_of_a_week_has_future_screenings_only() {
        let evening: Timestamp = "2026-12-01T19:45:00Z".parse().unwrap();
        let all: Vec<_> = times(evening).collect();
        assert_eq!(all.len(), 1 + 6 * PROGRAM.len());
        assert!(all.iter().all(|(.., starts_at)| *starts_at > evening));
        let movies: HashSet<_> = all.iter().map(|(movie, ..)| movie).collect();
        assert_eq!(movies.len(), 3);
    }

    #[test]
    fn every_hall_is_a_valid_announcement() {
        for (theatre, _) in HALLS {
            let request = request("broker", theatre, "2026-12-01T19:30:00Z".parse().unwrap());
            assert!(request.into_announcement().is_ok(), "{theatre}");
        }
    }
}
