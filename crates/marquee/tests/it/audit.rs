//! `marquee audit` over the real fleet: it finds nothing where nothing is wrong, finds what is planted, and what it repairs
//! is right again once the fleet has heard of it.

use marquee::fleet::Process;
use reqwest::Method;
use serde_json::{Value, json};
use storage::query;

use crate::clients::{Load, settled};
use crate::fleet::{Fleet, marquee, run};
use crate::wait::until;

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_what_is_wrong_and_the_fleet_mends_what_it_is_told_of() {
    let fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.goes_on(50).await;
    let answers = load.stop().await;
    settled(&fleet, &answers.booked).await;
    right(&fleet).await;

    // Each on a booking of its own: a lost ticket, money kept for nothing, and a row that says something else.
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
    right(&fleet).await;
    let payments =
        fleet.rest.get(&format!("/payments/search/findByBookingId?bookingId={kept}")).await.unwrap();
    assert_eq!(payments.body["_embedded"]["payments"][0]["status"], "Canceled");
    assert_eq!(fleet.rest.get(&format!("/tickets/{lost}")).await.unwrap().status, 200);

    // To mend what is mended changes nothing.
    let (code, report) = audit(&fleet, &["--repair"]).await;
    assert_eq!((code, &report["repaired"]), (0, &json!([])), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn charge_that_only_the_provider_knows_is_found_and_kept_while_it_may_be_a_lost_booking() {
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

    // Book knows one booking: it may have been restored.
    let (_, report) = audit(&fleet, &["--repair"]).await;
    assert_eq!(report["repaired"], json!([]), "{report}");
    assert_eq!(report["leftAlone"][0]["bookingId"], 999);
    let (code, report) = audit(&fleet, &["--without-ledger"]).await;
    assert_eq!((code, report["notSeen"].as_array().unwrap().len()), (0, 1), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_rest_it_sees_less_and_says_so() {
    let mut fleet = Fleet::nothing().await;
    fleet.up_with(&[("STAFF_TOKEN", "open sesame")]).await;
    let load = Load::start(&fleet.rest);
    load.goes_on(20).await;
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

    // The gateway's own, for staff.
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
async fn without_a_token_nobody_is_staff_and_where_no_fleet_ran_there_is_nothing_to_audit() {
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

/// Once everything is told, and applied.
pub async fn right(fleet: &Fleet) {
    until("an audit that finds nothing", async || match audit(fleet, &[]).await {
        (0, report) if report["inFlight"] == 0 => Ok(()),
        (_, report) => Err(report.to_string()),
    })
    .await;
}

/// With no patience: whatever looks wrong is wrong.
pub async fn audit(fleet: &Fleet, flags: &[&str]) -> (i32, Value) {
    let mut command = marquee(["audit", "--settle-seconds", "0", "--json"]);
    command.args(fleet.flags()).args(flags);
    told(run(command).await)
}

async fn by_rest(fleet: &Fleet) -> (i32, Value) {
    let mut command = marquee(["audit", "--settle-seconds", "0", "--json", "--url"]);
    command.arg(fleet.rest.base());
    told(run(command).await)
}

fn told((code, output): (i32, String)) -> (i32, Value) {
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
