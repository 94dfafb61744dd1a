//! The view of a booking after each of its events, in whatever order they arrive.

use events::{CancelRejected, CancelRequested, Event, TicketCanceled};
use serde_json::{Value, json};
use test_kit::fleet;

use crate::app::{
    App, at, booked, canceled, created, hold_expired, paid, payment_canceled, printed, record_at, story,
    waited_point, written_point,
};

/// The events of a collected booking, in order.
fn collected_story(id: i64) -> [Event; 6] {
    [
        paid(id).into(),
        booked(id).into(),
        created(id).into(),
        waited_point(id).into(),
        written_point(id).into(),
        printed(id).into(),
    ]
}

/// The events of a canceled booking, in order.
fn canceled_story(id: i64) -> [Event; 6] {
    [
        paid(id).into(),
        booked(id).into(),
        created(id).into(),
        waited_point(id).into(),
        payment_canceled(id).into(),
        canceled(id).into(),
    ]
}

/// The view of a booking after `events` were delivered in `order`; each event happened at the second of its
/// index.
async fn view_after(events: &[Event], order: &[usize]) -> Value {
    let app = App::new().await;
    for &index in order {
        app.deliver_at(index, events[index].clone()).await;
    }
    let mypage = app.mypage(1).await;
    app.settled().await;
    mypage
}

#[tokio::test]
async fn booked_booking_is_shown_with_its_order() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    let link = json!({"href": "http://cinema/mypages/1"});
    let at = "2021-02-23T13:32:28Z";
    assert_eq!(
        app.mypage(1).await,
        json!({
            "id": 1, "bookingId": 1, "customerId": 33, "movieName": "soul", "seat": "1A,2B", "qty": 2,
            "price": 10000, "screeningId": 5, "theatre": "Hall 1", "hall": "Hall 1",
            "startsAt": "2026-12-01T19:30:00Z", "endsAt": "2026-12-01T21:30:00Z", "status": "Booked", "score": 0, "ticketId": null, "updatedAt": at,
            "timeline": [{"event": "Booked", "at": at}], "_links": {"mypage": link, "self": link},
        })
    );
    app.settled().await;
}

#[tokio::test]
async fn each_event_changes_the_view() {
    let app = App::new().await;
    let steps: [(Event, Value); 6] = [
        (booked(1).into(), json!(["Booked", 0, null])),
        (paid(1).into(), json!(["Booked", 0, null])),
        (created(1).into(), json!(["Booked", 0, 1])),
        (waited_point(1).into(), json!(["Booked", 0, 1])),
        (written_point(1).into(), json!(["Booked", 100, 1])),
        (printed(1).into(), json!(["Printed", 100, 1])),
    ];
    for (second, (event, expected)) in steps.into_iter().enumerate() {
        app.deliver_at(second, event).await;
        let mypage = app.mypage(1).await;
        let shown = json!([mypage["status"], mypage["score"], mypage["ticketId"]]);
        assert_eq!(shown, expected);
        assert_eq!(mypage["updatedAt"], at(second));
        let latest = &mypage["timeline"][second];
        assert_eq!(latest["at"], at(second));
    }
    app.settled().await;
}

#[tokio::test]
async fn canceled_booking_stays_canceled() {
    let app = App::new().await;
    for event in canceled_story(1) {
        app.deliver(event).await;
    }
    app.deliver(booked(1)).await;
    let mypage = app.mypage(1).await;
    assert_eq!((&mypage["status"], &mypage["score"]), (&json!("Canceled"), &json!(0)));
    assert_eq!(story(&mypage), ["Paid", "Booked", "Created", "WaitedPoint", "PaymentCanceled", "Canceled"]);
    app.settled().await;
}

#[tokio::test]
async fn refund_alone_cancels_nothing() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.deliver(payment_canceled(1)).await;
    assert_eq!(app.mypage(1).await["status"], "Booked");
    app.settled().await;
}

#[tokio::test]
async fn events_before_booked_are_stored_but_not_shown() {
    for event in collected_story(1).into_iter().chain(canceled_story(1)) {
        if matches!(event, Event::Booked(_)) {
            continue;
        }
        let app = App::new().await;
        app.deliver_at(0, event.clone()).await;
        assert_eq!(app.client.get("/mypages/1").await.status, 404);
        for path in ["/mypages", "/mypages?customerId=33", "/mypages/search/findByBookingId?bookingId=1"] {
            let list = app.client.get(path).await;
            assert_eq!(list.body["_embedded"]["mypages"], json!([]), "{path}");
        }
        assert_eq!(app.client.get("/mypages").await.body["page"]["totalElements"], 0);
        app.deliver_at(1, booked(1)).await;
        assert_eq!(story(&app.mypage(1).await), [event.event_type(), "Booked"], "{event:?}");
        app.settled().await;
    }
}

/// Otherwise the charge and the refund would appear nowhere.
#[tokio::test]
async fn refund_of_a_late_payment_is_shown() {
    let mut voided = payment_canceled(1);
    voided.status = Some("Voided".to_owned());
    let app = App::new().await;
    for event in [hold_expired(1).into(), voided.into()] {
        let event: Event = event;
        app.deliver_at(1, event).await;
        assert_eq!(app.client.get("/mypages/1").await.status, 404, "nothing was charged");
    }
    app.deliver_at(2, paid(1)).await;
    app.deliver_at(3, payment_canceled(1)).await;
    let mypage = app.mypage(1).await;
    assert_eq!(
        (&mypage["status"], &mypage["seat"], &mypage["customerId"]),
        (&json!("Expired"), &json!("1A,2B"), &json!(33))
    );
    assert_eq!(story(&mypage), ["HoldExpired", "PaymentCanceled", "Paid"]);
    assert_eq!(app.client.get("/mypages?customerId=33").await.body["page"]["totalElements"], 1);
    app.settled().await;
}

#[tokio::test]
async fn order_of_events_does_not_matter() {
    for events in [collected_story(1), canceled_story(1)] {
        let count = events.len();
        let in_order: Vec<usize> = (0..count).collect();
        let expected = view_after(&events, &in_order).await;
        assert_eq!(story(&expected), events.each_ref().map(Event::event_type));
        for start in 0..count {
            let mut order = in_order.clone();
            order.rotate_left(start);
            assert_eq!(view_after(&events, &order).await, expected, "{order:?}");
            order.reverse();
            let twice = [order.clone(), in_order.clone(), order].concat();
            assert_eq!(view_after(&events, &twice).await, expected, "{twice:?}");
        }
    }
}

#[tokio::test]
async fn redelivered_event_is_not_applied_again() {
    let app = App::new().await;
    let record = record_at(1, booked(1));
    let first = app.consumer.apply_together(&[record.clone(), record.clone()]).await;
    first.unwrap();
    app.consumer.apply_together(&[record]).await.unwrap();
    assert_eq!(story(&app.mypage(1).await), ["Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn timeline_shows_the_earlier_of_two_events_of_a_type() {
    for order in [[3, 5], [5, 3]] {
        let app = App::new().await;
        app.deliver_at(1, booked(1)).await;
        for second in order {
            app.deliver_at(second, payment_canceled(1)).await;
        }
        let mypage = app.mypage(1).await;
        assert_eq!(story(&mypage), ["Booked", "PaymentCanceled"]);
        assert_eq!(mypage["timeline"][1]["at"], at(3));
        assert_eq!(mypage["updatedAt"], at(5));
        app.settled().await;
    }
}

#[tokio::test]
async fn one_batch_changes_several_bookings() {
    let app = App::new().await;
    let records: Vec<_> = (1..=3)
        .flat_map(collected_story)
        .enumerate()
        .map(|(second, event)| record_at(second, event))
        .collect();
    app.consumer.apply_together(&records).await.unwrap();
    for id in 1..=3 {
        assert_eq!(app.mypage(id).await["status"], "Printed");
    }
    app.settled().await;
}

#[tokio::test]
async fn events_that_no_timeline_shows_change_nothing() {
    let app = App::new().await;
    let (id, status) = (booked(1).id, None::<String>);
    let others: [Event; 3] = [
        CancelRequested { id, status: status.clone() }.into(),
        TicketCanceled { id: id.into(), booking_id: id, status: status.clone() }.into(),
        CancelRejected { id: id.into(), booking_id: id, status }.into(),
    ];
    for event in others.clone() {
        app.deliver_at(40, event).await;
    }
    app.deliver_at(1, booked(1)).await;
    for event in others {
        app.deliver_at(50, event).await;
    }
    let mypage = app.mypage(1).await;
    assert_eq!(story(&mypage), ["Booked"]);
    assert_eq!(mypage["updatedAt"], at(1));
    app.settled().await;
}

#[tokio::test]
async fn event_that_cannot_be_decoded_changes_nothing() {
    let app = App::new().await;
    let mut record = fleet::record(&booked(1).into());
    record.record.payload = Some(br#"{"eventType":"Booked","id":0}"#.to_vec());
    assert!(app.consumer.apply_together(&[record]).await.is_err());
    assert_eq!(app.client.get("/mypages").await.body["page"]["totalElements"], 0);
    app.settled().await;
}
