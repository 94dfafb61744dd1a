//! `marquee audit` on a real fleet: it passes without violations, finds planted ones, and passes again after
//! its repairs have been processed.

use marquee::fleet::Process;
use reqwest::Method;
use serde_json::{Value, json};
use storage::query;

use crate::clients::{Load, settled};
use crate::fleet::{Fleet, marquee, run};
use crate::wait::until;

#[tokio::test(flavor = "multi_thread")]
async fn violations_are_found_and_repaired() {
    let fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.books_more(50).await;
    let answers = load.stop().await;
    settled(&fleet, &answers.booked).await;
    passes(&fleet).await;

    // One violation per booking: a lost ticket, a charge without a booking, and a row that differs.
    let [lost, kept, shown] = [0, 1, 2].map(|index| answers.booked[index].id);
    change(&fleet, Process::Ticket, "DELETE FROM tickets WHERE booking_id = $1", lost).await;
    change(&fleet, Process::Book, "UPDATE bookings SET status = 'Expired' WHERE id = $1", kept).await;
    change(&fleet, Process::Ticket, "DELETE FROM tickets WHERE booking_id = $1", kept).await;
    change(&fleet, Process::Mypage, "UPDATE mypages SET price = 1 WHERE booking_id = $1", shown).await;
    let (code, report) = audit(&fleet, &[]).await;
    assert_eq!(code, 1, "{report}");
    let found = |kind: &str| report["violations"][kind].as_u64().unwrap_or_default();
    for kind in ["ticket-missing", "payment-orphaned", "mypage-differs"] {
        assert!(found(kind) > 0, "{kind}: {report}");
    }

    let (code, report) = audit(&fleet, &["--repair"]).await;
    assert_eq!(code, 1, "{report}");
    assert!(report["repaired"].as_array().unwrap().len() >= 3, "{report}");
    passes(&fleet).await;
    let payments =
        fleet.rest.get(&format!("/payments/search/findByBookingId?bookingId={kept}")).await.unwrap();
    assert_eq!(payments.body["_embedded"]["payments"][0]["status"], "Canceled");
    assert_eq!(fleet.rest.get(&format!("/tickets/{lost}")).await.unwrap().status, 200);

    // A second repair changes nothing.
    let (code, report) = audit(&fleet, &["--repair"]).await;
    assert_eq!((code, &report["repaired"]), (0, &json!([])), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_charge_is_found_and_kept_while_its_booking_may_be_lost() {
    let fleet = Fleet::up().await;
    let booking = json!({ "movieName": "soul", "totalPrice": 10000 });
    let booked = fleet.rest.send(Method::POST, "/books", Some(&booking)).await.unwrap();
    assert_eq!(booked.status, 201);
    until("a charge that has its booking", async || match audit(&fleet, &[]).await {
        (0, report) if report["ledger"]["movements"] == 1 => Ok(()),
        (_, report) => Err(report.to_string()),
    })
    .await;

    let id = std::fs::read_to_string(fleet.data_dir.join("fleet-id")).unwrap();
    let provider = fleet.service(Process::Processor);
    for reference in [format!("{}-booking-999", id.trim()), "other-booking-999".to_owned()] {
        let charge = json!({ "amount": 700, "currency": "KRW" });
        let path = format!("/v1/payments/{reference}");
        assert_eq!(provider.send(Method::PUT, &path, Some(&charge)).await.unwrap().status, 200);
    }
    let (code, report) = audit(&fleet, &[]).await;
    assert_eq!((code, &report["violations"]), (1, &json!({ "charge-orphaned": 1 })), "{report}");
    let ledger = json!({ "movements": 2, "ofOthers": 1, "highestBooking": 999 });
    assert_eq!(report["ledger"], ledger);

    // Book knows one booking only, so its database may have been restored.
    let (_, report) = audit(&fleet, &["--repair"]).await;
    assert_eq!(report["repaired"], json!([]), "{report}");
    assert_eq!(report["leftAlone"][0]["bookingId"], 999);
    let (code, report) = audit(&fleet, &["--without-ledger"]).await;
    assert_eq!((code, report["notSeen"].as_array().unwrap().len()), (0, 1), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_by_rest_reports_what_it_does_not_check() {
    let mut fleet = Fleet::nothing().await;
    fleet.up_with(&[("STAFF_TOKEN", "open sesame")]).await;
    let load = Load::start(&fleet.rest);
    load.books_more(20).await;
    let answers = load.stop().await;
    settled(&fleet, &answers.booked).await;
    let (code, report) = by_rest(&fleet).await;
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["bookings"], answers.booked.len());
    assert!(report["notSeen"].as_array().unwrap().len() >= 2, "{report}");

    let planted = answers.booked[0].id;
    change(&fleet, Process::Payment, "DELETE FROM payments WHERE booking_id = $1", planted).await;
    let (code, report) = by_rest(&fleet).await;
    assert_eq!((code, &report["violations"]), (1, &json!({ "booking-unpaid": 1 })), "{report}");

    // The audit of the gateway, for staff.
    let path = "/audit?settleSeconds=0";
    let refused = fleet.rest.get(path).await.unwrap();
    assert_eq!((refused.status, &refused.body["type"]), (403, &json!("/problems/staff-only")));
    let answer = as_staff(&fleet, path).await;
    assert_eq!(answer["violations"], json!({ "booking-unpaid": 1 }));
    assert_eq!(answer["findings"][0]["story"]["bookingId"], planted);
    let metrics = fleet.rest.get("/metrics").await.unwrap().body;
    let line = "audit_violations{kind=\"booking-unpaid\"} 1";
    assert!(metrics.as_str().unwrap().contains(line), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_without_a_database_or_a_staff_token_is_refused() {
    let mut fleet = Fleet::nothing_but_files().await;
    let mut command = marquee(["audit"]);
    command.arg("--data-dir").arg(&fleet.data_dir);
    let (code, output) = run(command).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("there is no database"), "{output}");
    assert!(!fleet.data_dir.exists());

    fleet.up_again().await;
    let refused = fleet.rest.get("/audit").await.unwrap();
    assert_eq!(refused.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_of_given_databases_needs_no_data_directory() {
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_again().await;
    let booking = json!({ "movieName": "soul", "totalPrice": 10000 });
    assert_eq!(fleet.rest.send(Method::POST, "/books", Some(&booking)).await.unwrap().status, 201);
    let id = std::fs::read_to_string(fleet.data_dir.join("fleet-id")).unwrap();
    until("an audit that has read the ledger", async || {
        let mut command = marquee(["audit", "--settle-seconds", "0", "--json", "--data-dir"]);
        // No directory can be created below a file.
        command.arg(fleet.data_dir.join("fleet-id/none")).env("FLEET_ID", id.trim());
        for process in Process::WITH_DATABASE {
            let file = fleet.data_dir.join(format!("{process}.db"));
            command.arg("--database-url").arg(format!("{process}=sqlite://{}", file.display()));
        }
        match parsed(run(command).await) {
            (0, report) if report["ledger"]["movements"] == 1 => Ok(()),
            (_, report) => Err(report.to_string()),
        }
    })
    .await;
}

/// Waits until all events are applied and an audit passes.
pub async fn passes(fleet: &Fleet) {
    until("an audit without violations", async || match audit(fleet, &[]).await {
        (0, report) if report["inFlight"] == 0 => Ok(()),
        (_, report) => Err(report.to_string()),
    })
    .await;
}

/// Audits without settling time, so that every difference is a violation.
pub async fn audit(fleet: &Fleet, flags: &[&str]) -> (i32, Value) {
    let mut command = marquee(["audit", "--settle-seconds", "0", "--json"]);
    command.args(fleet.flags()).args(flags);
    parsed(run(command).await)
}

async fn by_rest(fleet: &Fleet) -> (i32, Value) {
    let mut command = marquee(["audit", "--settle-seconds", "0", "--json", "--url"]);
    command.arg(fleet.rest.base());
    parsed(run(command).await)
}

fn parsed((code, output): (i32, String)) -> (i32, Value) {
    let report = serde_json::from_str(&output);
    (code, report.unwrap_or_else(|error| panic!("{error}: {output}")))
}

async fn as_staff(fleet: &Fleet, path: &str) -> Value {
    let url = format!("{}{path}", fleet.rest.base());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.request(Method::GET, url).header("X-Staff-Token", "open sesame");
    request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
}

async fn change(fleet: &Fleet, process: Process, sql: &'static str, booking: i64) {
    let mut tx = fleet.db(process).await.begin().await.unwrap();
    tx.execute(query(sql).bind(booking)).await.unwrap();
    tx.commit().await.unwrap();
}
