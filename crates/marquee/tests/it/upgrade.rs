//! The data of the last release come up on this version: in files, and with databases on PostgreSQL.
//!
//! `.ci/upgrade` records them, and says what happened to each booking. The event log is in a file in both cases.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use marquee::data_dir::DataDir;
use marquee::fleet::Process;
use marquee::rest::Answer;
use reqwest::Method;
use serde_json::{Value, json};
use storage::{Db, Settings, query_built};

use crate::audit::passes;
use crate::cancel::cancel;
use crate::fleet::{Fleet, run};
use crate::wait::until;

#[tokio::test(flavor = "multi_thread")]
async fn data_of_the_last_release_come_up() {
    let mut fleet = Fleet::nothing().await;
    fleet.on_embedded_event_log();
    restore(&fleet).await;
    fleet.up_again().await;
    passes(&fleet).await;

    // What was done stays done, and what was begun is finished.
    for (booking, status) in [
        (1, "PrintComplete"),
        (2, "Canceled"),
        (3, "PaidComplete"),
        (4, "Declined"),
        (5, "PaidComplete"),
        (6, "Expired"),
        (7, "Canceled"),
        (8, "PaidComplete"),
    ] {
        shows(&fleet, &format!("/books/{booking}"), json!({ "status": status })).await;
    }
    shows(&fleet, "/mypages/1", json!({ "status": "Printed", "score": 100 })).await;
    shows(&fleet, "/mypages/7", json!({ "status": "Canceled" })).await;
    shows(&fleet, "/tickets/8", json!({ "status": "Waiting", "seat": "8H" })).await;

    // A seat stays sold, by any name, and a free one is free.
    let decomposed = "\u{1100}\u{1175}\u{1109}\u{1162}\u{11bc}\u{110e}\u{116e}\u{11bc}";
    for order in
        [json!({ "movieName": "Soul", "seat": "1a" }), json!({ "movieName": decomposed, "seat": "B2" })]
    {
        let answer = book(&fleet, &order).await;
        assert_eq!((answer.status, &answer.body["type"]), (409, &json!("/problems/seat-taken")), "{order}");
    }
    shows(&fleet, "/screenings/1/seats", json!({ "placesLeft": 1 })).await;
    for seat in ["3C", "6F", "7G"] {
        assert_eq!(book(&fleet, &json!({ "movieName": "soul", "seat": seat })).await.status, 201, "{seat}");
    }

    // Bookings of the release continue.
    for (booking, seat) in [(5, "b2"), (8, "8H")] {
        assert_eq!(cancel(&fleet, booking).await.status, 204, "{booking} with {seat}");
        shows(&fleet, &format!("/mypages/{booking}"), json!({ "status": "Canceled" })).await;
    }
    let collected = json!({ "status": "Printed" });
    let answer = fleet.rest.send(Method::PATCH, "/tickets/3", Some(&collected)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    shows(&fleet, "/books/3", json!({ "status": "PrintComplete" })).await;
    passes(&fleet).await;
}

async fn book(fleet: &Fleet, order: &Value) -> Answer {
    fleet.rest.send(Method::POST, "/books", Some(order)).await.unwrap()
}

async fn shows(fleet: &Fleet, path: &str, expected: Value) {
    until(&format!("{path} to show {expected}"), async || {
        let answer = fleet.rest.get(path).await.unwrap();
        let shown = |(name, value): (&String, &Value)| answer.body.get(name) == Some(value);
        let is_shown = answer.status == 200 && expected.as_object().unwrap().iter().all(shown);
        if is_shown { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await;
}

/// Fills the databases and the event log of `fleet`.
async fn restore(fleet: &Fleet) {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/upgrade");
    let recorded = recorded.join(if fleet.is_on_postgres() { "postgres" } else { "files" });
    DataDir::open(&fleet.data_dir).unwrap();
    let mut names: Vec<PathBuf> =
        fs::read_dir(&recorded).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for file in names {
        let name = file.file_stem().unwrap().to_str().unwrap();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("json") => restore_file(&fleet.file_url(name), &file).await,
            Some("sql") => restore_on_server(fleet, name, &file).await,
            _ if name == "fleet-id" => drop(fs::copy(&file, fleet.data_dir.join(name)).unwrap()),
            _ => {}
        }
    }
}

async fn restore_file(url: &str, statements: &Path) {
    let statements: Vec<String> = serde_json::from_slice(&fs::read(statements).unwrap()).unwrap();
    let url = url.parse().unwrap();
    Db::create_if_missing(&url).await.unwrap();
    let db = Db::open(&url, Settings::default()).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    for statement in statements {
        tx.execute(query_built(statement)).await.unwrap();
    }
    tx.commit().await.unwrap();
    db.close().await;
}

async fn restore_on_server(fleet: &Fleet, service: &str, dump: &Path) {
    let process = Process::ALL.into_iter().find(|process| process.name() == service).unwrap();
    let url = fleet.database_url(process);
    Db::create_if_missing(&url.parse().unwrap()).await.unwrap();
    let bin = std::env::var("TEST_POSTGRES_BIN").expect("TEST_POSTGRES_BIN must be set: see .ci/backends");
    let mut psql = Command::new(Path::new(&bin).join("psql"));
    psql.args(["--quiet", "--set=ON_ERROR_STOP=1", "--file"]).arg(dump).arg(url);
    let (code, output) = run(psql).await;
    assert_eq!(code, 0, "{output}");
}
