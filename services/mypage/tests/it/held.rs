//! Bookings that are held until they are paid, and how that ends.

use events::{Event, HoldExpired, Screening};
use serde_json::{Value, json};
use storage::query;

use crate::app::{
    App, at, booked, canceled, created, held, hold_expired, paid, payment_canceled, story, waited_point,
};

fn ended(status: &str) -> Event {
    HoldExpired { status: Some(status.to_owned()), ..hold_expired(1) }.into()
}

#[tokio::test]
async fn held_booking_is_seen_until_when_it_waits() {
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
async fn held_booking_of_nobody_in_particular_is_not_seen() {
    let app = App::new().await;
    let mut nobodys = held(1);
    nobodys.customer_id = None;
    app.deliver(nobodys).await;
    assert_eq!(app.client.get("/mypages/1").await.status, 404);
    let mut nobodys = booked(1);
    nobodys.customer_id = None;
    app.deliver(nobodys).await;
    assert_eq!(app.mypage(1).await["status"], "Booked");
    app.settled().await;
}

#[tokio::test]
async fn every_end_of_a_hold_is_seen_and_told_apart() {
    for (status, event) in [("Declined", "Declined"), ("Expired", "HoldExpired"), ("Canceled", "Canceled")] {
        let app = App::new().await;
        app.deliver_at(1, held(1)).await;
        app.deliver_at(2, ended(status)).await;
        let mypage = app.mypage(1).await;
        assert_eq!((&mypage["status"], mypage.get("heldUntil")), (&json!(status), None));
        assert_eq!(story(&mypage), ["Held", event]);
        app.settled().await;
    }
    // A writer that does not say how a hold ended let it run out, as before.
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
async fn no_order_of_events_makes_a_difference_to_a_hold() {
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
        let mut seen: Option<Value> = None;
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
                assert_eq!(*seen.get_or_insert_with(|| mypage.clone()), mypage);
                app.settled().await;
            }
        }
    }
}

#[tokio::test]
async fn booking_of_a_movie_alone_names_no_screening() {
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

/// As the version before has left them: it did not keep how a booking ended that was never paid.
#[tokio::test]
async fn rows_of_before_are_seen_as_they_were() {
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
