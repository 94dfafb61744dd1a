//! Compares the JSON of events with files: `golden/<EventType>.json` contains what this fleet writes,
//! `golden/java/*.json` what the original Java services wrote, which must stay readable.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error;
use std::path::{Path, PathBuf};

use events::{
    Booked, BookingId, CancelRejected, CancelRequested, Canceled, Created, CustomerId, Event, Held,
    HoldExpired, Paid, PaymentCanceled, PaymentId, PointId, Printed, Screening, ScreeningId, TicketCanceled,
    TicketId, WaitedPoint, WrittenPoint, decode, encode, headers,
};
use jiff::Timestamp;

fn at() -> Timestamp {
    "2021-02-23T13:32:28.5Z".parse().unwrap()
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn screening() -> Screening {
    Screening {
        screening_id: ScreeningId::new(5).ok(),
        theatre: text("Hall 1"),
        hall: text("Hall 1"),
        starts_at: "2026-12-01T19:30:00Z".parse().ok(),
        ends_at: "2026-12-01T21:30:00Z".parse().ok(),
    }
}

fn examples() -> Vec<Event> {
    let booking = BookingId::new(1).unwrap();
    let ticket = TicketId::from(booking);
    let customer = CustomerId::new(33).ok();
    vec![
        Booked {
            id: booking,
            qty: Some(2),
            seat: text("1A,2B"),
            movie_name: text("soul"),
            status: text("Registered"),
            total_price: Some(10_000),
            name: text("CGV"),
            customer_id: customer,
            screening: screening(),
        }
        .into(),
        Held {
            id: booking,
            customer_id: customer,
            movie_name: text("soul"),
            seat: text("1A,2B"),
            qty: Some(2),
            total_price: Some(10_000),
            held_until: "2021-02-23T13:42:28.5Z".parse().ok(),
            screening: screening(),
        }
        .into(),
        Paid {
            id: PaymentId::new(7).unwrap(),
            booking_id: booking,
            status: text("Paid"),
            total_price: Some(10_000),
        }
        .into(),
        PaymentCanceled { id: PaymentId::new(7).unwrap(), booking_id: booking, status: text("Canceled") }
            .into(),
        CancelRequested { id: booking, status: text("Canceling") }.into(),
        TicketCanceled { id: ticket, booking_id: booking, status: text("Canceled") }.into(),
        CancelRejected { id: ticket, booking_id: booking, status: text("Printed") }.into(),
        Canceled { id: booking, status: text("Canceled") }.into(),
        HoldExpired {
            id: booking,
            status: text("Expired"),
            qty: Some(2),
            seat: text("1A,2B"),
            movie_name: text("soul"),
            total_price: Some(10_000),
            customer_id: customer,
            screening: screening(),
        }
        .into(),
        Created {
            id: ticket,
            booking_id: booking,
            status: text("Waiting"),
            movie_name: text("soul"),
            qty: Some(2),
            seat: text("1A,2B"),
            customer_id: customer,
            screening: screening(),
        }
        .into(),
        Printed { id: ticket, booking_id: booking, status: text("Printed") }.into(),
        WaitedPoint {
            id: PointId::new(3).unwrap(),
            booking_id: booking,
            score: Some(0),
            contents: text("soul"),
            status: text("Waiting Point"),
        }
        .into(),
        WrittenPoint {
            id: PointId::new(4).unwrap(),
            booking_id: booking,
            customer_id: customer,
            score: Some(100),
            contents: text("soul"),
            status: text("Pointed"),
        }
        .into(),
    ]
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn every_event_of_the_catalog_has_an_example() {
    let named: Vec<&str> = examples().iter().map(Event::event_type).collect();
    assert_eq!(named, Event::TYPES);
}

#[test]
fn every_event_is_written_as_its_golden_file() {
    for event in examples() {
        let file = golden().join(format!("{}.json", event.event_type()));
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        let written = encode(&event, at());
        assert_eq!(written, expected.trim_end(), "{}", file.display());
    }
}

#[test]
fn every_golden_file_reads_back_as_its_event() {
    for event in examples() {
        let file = golden().join(format!("{}.json", event.event_type()));
        let read = decode(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(read.event_type, event.event_type());
        assert_eq!(read.local_time, "2021-02-23T13:32:28".parse().ok());
        assert_eq!(read.event, Some(event));
    }
}

#[test]
fn messages_of_the_java_services_read() {
    let read = |name: &str| decode(&std::fs::read(golden().join("java").join(name)).unwrap()).unwrap();

    let Some(Event::Booked(booked)) = read("booked-by-siege.json").event else {
        panic!("Booked");
    };
    assert_eq!((booked.id.get(), booked.qty, booked.seat), (4, Some(3), None));

    let Some(Event::Booked(booked)) = read("booked-numbers-as-text.json").event else {
        panic!("Booked");
    };
    assert_eq!((booked.qty, booked.total_price), (Some(2), Some(20_000)));

    let Some(Event::Paid(paid)) = read("paid-without-me.json").event else {
        panic!("Paid");
    };
    assert_eq!((paid.id.get(), paid.booking_id.get()), (1, 4));

    let Some(Event::Printed(printed)) = read("printed-me-false.json").event else {
        panic!("Printed");
    };
    assert_eq!(printed.booking_id.get(), 4);

    let Some(Event::Created(created)) = read("created-unknown-fields.json").event else {
        panic!("Created");
    };
    assert_eq!(created.movie_name.as_deref(), Some("WonderWoman"));

    let unknown = read("unknown-type.json");
    assert_eq!((unknown.event_type.as_str(), unknown.event), ("Shipped", None));
}

#[test]
fn event_without_a_screening_is_written_in_the_original_format() {
    let Event::Booked(booked) = examples().remove(0) else { panic!("Booked") };
    let free = Event::from(Booked { screening: Screening::default(), ..booked });
    let written: serde_json::Value = serde_json::from_str(&encode(&free, at())).unwrap();
    let mut fields: Vec<&String> = written.as_object().unwrap().keys().collect();
    fields.sort_unstable();
    let known = [
        "customerId",
        "eventType",
        "id",
        "me",
        "movieName",
        "name",
        "qty",
        "seat",
        "status",
        "timestamp",
        "totalPrice",
    ];
    assert_eq!(fields, known);
    assert_eq!(decode(encode(&free, at()).as_bytes()).unwrap().event, Some(free));
}

#[test]
fn screening_of_an_older_event_has_only_its_id() {
    let read = |value: &str| decode(value.as_bytes()).map(|read| read.event);
    let Ok(Some(Event::Booked(booked))) = read(r#"{"eventType":"Booked","id":1,"screeningId":"5"}"#) else {
        panic!("Booked");
    };
    let number = Screening { screening_id: ScreeningId::new(5).ok(), ..Screening::default() };
    assert_eq!(booked.screening, number);
    let Ok(Some(Event::Created(created))) = read(r#"{"eventType":"Created","id":1,"bookingId":1}"#) else {
        panic!("Created");
    };
    assert_eq!(created.screening, Screening::default());
    let offset = r#"{"eventType":"Booked","id":1,"startsAt":"2026-12-02T04:30:00+09:00","theatre":null}"#;
    let Ok(Some(Event::Booked(booked))) = read(offset) else { panic!("Booked") };
    assert_eq!(booked.screening.starts_at, screening().starts_at);
    assert!(read(r#"{"eventType":"Booked","id":1,"startsAt":"tomorrow"}"#).is_err());
}

#[test]
fn invalid_record_is_rejected_with_the_reason() {
    let reason = |value: &str| {
        let error = decode(value.as_bytes()).unwrap_err();
        [Some(error.to_string()), error.source().map(ToString::to_string)]
            .map(Option::unwrap_or_default)
            .join(": ")
    };
    assert!(reason("not json").starts_with("not JSON: expected"));
    assert!(reason("[]").contains("eventType"));
    assert!(reason(r#"{"eventType":7}"#).contains("eventType"));
    assert!(reason(r#"{"eventType":"Booked"}"#).contains("missing field `id`"));
    assert!(reason(r#"{"eventType":"Booked","id":0}"#).contains("from 1"));
    assert_eq!(
        reason(r#"{"eventType":"Booked","id":1,"qty":"many"}"#),
        "Booked cannot be read: must be a whole number, not \"many\""
    );
}

#[test]
fn headers_are_cloud_events_in_binary_mode() {
    let event = &examples()[0];
    let headers = headers::headers(event, "0192", "book", at(), Some("00-a-b-01"));
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_id", "0192"),
        ("ce_source", "/book"),
        ("ce_type", "movie.Booked.v1"),
        ("ce_time", "2021-02-23T13:32:28.5Z"),
        ("ce_subject", "bookings/1"),
        ("content-type", "application/json"),
        ("type", "Booked"),
        ("traceparent", "00-a-b-01"),
    ];
    let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(headers, expected);
}
