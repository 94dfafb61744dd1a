//! Held bookings, and how their holds end.

use events::{Booked, Event, Held, HoldExpired, Screening};
use serde_json::{Value, json};
use storage::query;

use crate::app::{
    App, at, booked, canceled, created, held, hold_expired, paid, payment_canceled, story, waited_point,
};

fn ended(status: &str) -> Event {
    HoldExpired { status: Some(status.to_owned()), ..hold_expired(1) }.into()
}

#[tokio::test]
async fn held_booking_is_shown_with_the_end_of_its_hold() {
    let app = App::new().await;
    app.deliver_at(5, held(1)).await;
    let link = json!({"href": "http://cinema/mypages/1"});
    assert_eq!(
        app.mypage(1).await,
        json!({
            "id": 1, "bookingId": 1, "customerId": 33, "movieName": "soul", "seat": "1A,2B", "qty": 2,
            "price": 10000, "screeningId": 5, "theatre": "Hall 1", "hall": "Hall 1",
            "startsAt": "2026-12-01T19:30:00Z", "endsAt": "2026-12-01T21:30:00Z", "status": "PaymentPending",
            "heldUntil": "2021-02-23T13:42:28Z", "score": 0, "ticketId": null, "updatedAt": at(5),
            "timeline": [{"event": "Held", "at": at(5)}], "_links": {"mypage": link, "self": link},
        })
    );
    for path in ["/mypages", "/mypages?customerId=33"] {
        assert_eq!(app.client.get(path).await.body["page"]["totalElements"], 1, "{path}");
    }
    app.settled().await;
}

#[tokio::test]
async fn held_booking_without_a_customer_is_not_shown() {
    let app = App::new().await;
    app.deliver(Held { customer_id: None, ..held(1) }).await;
    assert_eq!(app.client.get("/mypages/1").await.status, 404);
    app.deliver(Booked { customer_id: None, ..booked(1) }).await;
    assert_eq!(app.mypage(1).await["status"], "Booked");
    app.settled().await;
}

#[tokio::test]
async fn status_and_timeline_show_how_a_hold_ended() {
    for (status, event) in [("Declined", "Declined"), ("Expired", "HoldExpired"), ("Canceled", "Canceled")] {
        let app = App::new().await;
        app.deliver_at(1, held(1)).await;
        app.deliver_at(2, ended(status)).await;
        let mypage = app.mypage(1).await;
        assert_eq!((&mypage["status"], mypage.get("heldUntil")), (&json!(status), None));
        assert_eq!(story(&mypage), ["Held", event]);
        app.settled().await;
    }
    // Writers that omit the status published the event only when the hold expired.
    let app = App::new().await;
    app.deliver_at(1, held(1)).await;
    app.deliver_at(2, HoldExpired { status: None, ..hold_expired(1) }).await;
    assert_eq!(story(&app.mypage(1).await), ["Held", "HoldExpired"]);
    app.settled().await;
    let app = App::new().await;
    for (second, event) in [held(1).into(), paid(1).into(), Event::from(booked(1))].into_iter().enumerate() {
        app.deliver_at(second, event).await;
    }
    let mypage = app.mypage(1).await;
    assert_eq!((&mypage["status"], mypage.get("heldUntil")), (&json!("Booked"), None));
    assert_eq!(story(&mypage), ["Held", "Paid", "Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn order_of_events_does_not_matter_to_a_hold() {
    let ends: [(&[Event], &str); 5] = [
        (&[], "PaymentPending"),
        (&[ended("Declined")], "Declined"),
        (&[ended("Expired"), paid(1).into(), payment_canceled(1).into()], "Expired"),
        (&[paid(1).into(), booked(1).into(), created(1).into(), waited_point(1).into()], "Booked"),
        (&[booked(1).into(), created(1).into(), payment_canceled(1).into(), canceled(1).into()], "Canceled"),
    ];
    for (end, status) in ends {
        let events: Vec<Event> = [&[held(1).into()], end].concat();
        let in_order: Vec<usize> = (0..events.len()).collect();
        let mut expected: Option<Value> = None;
        for start in 0..events.len() {
            let mut order = in_order.clone();
            order.rotate_left(start);
            let twice = [order.clone(), order.iter().rev().copied().collect()].concat();
            for order in [order, twice] {
                let app = App::new().await;
                for second in order {
                    app.deliver_at(second, events[second].clone()).await;
                }
                let mypage = app.mypage(1).await;
                assert_eq!(mypage["status"], status);
                let shown = |event: &Event| match event {
                    Event::HoldExpired(end) if end.status.as_deref() == Some("Declined") => "Declined",
                    event => event.event_type(),
                };
                assert_eq!(story(&mypage), events.iter().map(shown).collect::<Vec<_>>());
                assert_eq!(*expected.get_or_insert_with(|| mypage.clone()), mypage);
                app.settled().await;
            }
        }
    }
}

#[tokio::test]
async fn booking_without_a_screening_omits_its_fields() {
    let app = App::new().await;
    let mut free = booked(1);
    free.screening = Screening::default();
    app.deliver(free).await;
    let mypage = app.mypage(1).await;
    for field in ["screeningId", "theatre", "hall", "startsAt", "endsAt", "heldUntil"] {
        assert_eq!(mypage.get(field), None, "{field}");
    }
    app.settled().await;
}

/// The previous version did not store how an unpaid booking ended.
#[tokio::test]
async fn rows_of_the_previous_version_are_shown_as_before() {
    let app = App::new().await;
    let mut tx = app.scratch.db.begin().await.unwrap();
    for sql in [
        "INSERT INTO mypages (booking_id, booked, given_up, refunded, shown, status, updated_at)
         VALUES (1, 0, 1, 1, 1, 'Canceled', 1), (2, 1, 0, 0, 1, 'Booked', 1), (3, 0, 0, 0, 0, 'Booked', 1)",
        "INSERT INTO timeline (booking_id, event, happened_at)
         VALUES (1, 'HoldExpired', 1), (2, 'Booked', 1), (3, 'Paid', 1)",
    ] {
        tx.execute(query(sql)).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!([&app.mypage(1).await["status"], &app.mypage(2).await["status"]], ["Canceled", "Booked"]);
    app.deliver(held(3)).await;
    assert_eq!(app.mypage(3).await["status"], "PaymentPending");
    app.settled().await;
}
