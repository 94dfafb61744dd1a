//! Links lead somewhere: those of a booking, those of the API's root, and the `type` of a problem.

use reqwest::Method;
use serde_json::{Value, json};

use crate::cancel::book;
use crate::fleet::Fleet;
use crate::wait::until;

/// Follows each of the links of `answer`, without templates, until it leads to something.
async fn follow(fleet: &Fleet, answer: &Value) -> Vec<String> {
    let mut followed = Vec::new();
    for (relation, link) in answer["_links"].as_object().unwrap() {
        let href = link["href"].as_str().unwrap();
        if href.contains('{') {
            continue;
        }
        let path = href.strip_prefix(fleet.rest.base()).unwrap();
        until(&format!("{relation} at {path}"), async || {
            let found = fleet.rest.get(path).await.map_err(|error| error.to_string())?;
            let is_empty_list = found.body["_embedded"]
                .as_object()
                .is_some_and(|lists| lists.values().any(|list| *list == json!([])));
            let is_there = found.status == 200 && !is_empty_list;
            if is_there { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
        followed.push(relation.clone());
    }
    followed
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_a_booking_lead_to_its_ticket_payment_and_mypage() {
    let fleet = Fleet::up().await;
    let id = book(&fleet).await;
    let booking = fleet.rest.get(&format!("/books/{id}")).await.unwrap().body;
    assert_eq!(follow(&fleet, &booking).await, ["book", "mypage", "payment", "self", "ticket"]);

    let canceled = fleet.rest.send(Method::DELETE, &format!("/books/{id}"), None).await.unwrap();
    assert!(matches!(canceled.status, 202 | 204), "{canceled:?}");
    let booking = until("the end of the cancellation", async || {
        let booking = fleet.rest.get(&format!("/books/{id}")).await.map_err(|error| error.to_string())?.body;
        if booking["status"] == "Canceled" { Ok(booking) } else { Err(booking.to_string()) }
    })
    .await;
    assert_eq!(follow(&fleet, &booking).await, ["book", "mypage", "payment", "self", "ticket"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_the_root_and_types_of_problems_lead_somewhere() {
    let fleet = Fleet::up().await;
    let root = fleet.rest.get("/api").await.unwrap();
    assert_eq!(root.status, 200, "{root:?}");
    assert_eq!(
        follow(&fleet, &root.body).await,
        ["asyncapi", "docs", "openapi", "problems", "self", "status"]
    );

    let order = json!({ "movieName": "soul", "seat": "1A" });
    let booked = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(booked.status, 201, "{booked:?}");
    let refused = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(refused.body["type"], "/problems/seat-taken", "{refused:?}");
    let page = fleet.rest.get(refused.body["type"].as_str().unwrap()).await.unwrap();
    assert_eq!((page.status, &page.body["title"]), (200, &refused.body["title"]), "{page:?}");
    // The example is a problem like the one that was answered.
    let members = |problem: &Value| problem.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&page.body["example"]), members(&refused.body));
    assert_eq!(page.body["example"]["detail"], refused.body["detail"]);
}
