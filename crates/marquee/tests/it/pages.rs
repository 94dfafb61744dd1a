//! Clients that read whole collections use `after`, because pages by number end after 10,000 rows.

use marquee::fleet::Process;
use reqwest::Client;
use serde_json::Value;
use storage::query;

use crate::fleet::Fleet;

const TOKEN: &str = "the token of the staff, 32 bytes";
const BOOKINGS: u64 = 10_050;

#[tokio::test(flavor = "multi_thread")]
async fn collection_of_more_than_ten_thousand_rows_is_counted_read_and_audited() {
    let mut fleet = Fleet::nothing().await;
    fleet.up_with(&[("STAFF_TOKEN", TOKEN)]).await;
    let mut tx = fleet.db(Process::Book).await.begin().await.unwrap();
    let insert = query(
        "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 10050)
         INSERT INTO bookings (qty, name, customer_id, status, paid, created_at, updated_at, movie_key)
         SELECT 1, 'CGV', 33, 'Declined', 0, 0, 0, '' FROM numbers",
    );
    assert_eq!(tx.execute(insert).await.unwrap(), BOOKINGS);
    tx.commit().await.unwrap();

    for path in ["/books", "/books?customerId=33"] {
        assert_eq!(fleet.rest.count(path).await.unwrap(), BOOKINGS, "{path}");
    }
    let read = fleet.rest.collection("books").await.unwrap();
    let ids: Vec<u64> = read.iter().map(|book| book["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=BOOKINGS).collect::<Vec<_>>());

    let url = format!("{}/audit?limit=10040&settle=0", fleet.rest.base());
    let audit = Client::builder().no_proxy().build().unwrap().get(url).header("x-staff-token", TOKEN);
    let report: Value = audit.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&report["bookings"], &report["violations"]),
        (&10_040.into(), &serde_json::json!({})),
        "{report}"
    );
}
