use events::{
    Canceled, Created, Paid, PaymentCanceled, PaymentId, PointId, Printed, ScreeningId, WaitedPoint,
    WrittenPoint,
};
use proptest::prelude::*;

use super::*;

fn id() -> BookingId {
    BookingId::new(1).unwrap()
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn screening(id: i64) -> Screening {
    Screening { screening_id: ScreeningId::new(id).ok(), ..Screening::default() }
}

fn held(customer_id: Option<CustomerId>) -> Held {
    Held {
        id: id(),
        customer_id,
        movie_name: Some("soul".to_owned()),
        seat: Some("1A,2B".to_owned()),
        qty: Some(2),
        total_price: Some(10_000),
        held_until: Some(second(600)),
        screening: screening(5),
    }
}

/// Every event of one booking that mypage consumes, as if it were both collected and canceled, and some of
/// them again with other contents.
fn events() -> Vec<Event> {
    let (booking_id, ticket) = (id(), TicketId::from(id()));
    let (payment, point) = (PaymentId::new(7).unwrap(), PointId::new(8).unwrap());
    let (status, contents) = (None, None);
    let booked = Booked {
        id: booking_id,
        qty: Some(2),
        seat: Some("1A,2B".to_owned()),
        movie_name: Some("soul".to_owned()),
        status: None,
        total_price: Some(10_000),
        name: None,
        customer_id: None,
        screening: screening(5),
    };
    let created = Created {
        id: ticket,
        booking_id,
        status: None,
        movie_name: None,
        qty: None,
        seat: None,
        customer_id: None,
        screening: screening(5),
    };
    let written = WrittenPoint {
        id: point,
        booking_id,
        customer_id: None,
        score: Some(100),
        contents: None,
        status: None,
    };
    vec![
        Paid { id: payment, booking_id, status: status.clone(), total_price: Some(10_000) }.into(),
        booked.clone().into(),
        created.clone().into(),
        WaitedPoint { id: point, booking_id, score: Some(0), contents, status: None }.into(),
        written.clone().into(),
        Printed { id: ticket, booking_id, status: None }.into(),
        PaymentCanceled { id: payment, booking_id, status: Some("Canceled".to_owned()) }.into(),
        Canceled { id: booking_id, status }.into(),
        Booked { movie_name: None, seat: Some("9Z".to_owned()), qty: None, ..booked }.into(),
        Created { id: TicketId::new(5).unwrap(), ..created }.into(),
        WrittenPoint { score: Some(70), ..written }.into(),
        HoldExpired {
            id: booking_id,
            status: Some("Expired".to_owned()),
            qty: Some(2),
            seat: Some("1A,2B".to_owned()),
            movie_name: None,
            total_price: Some(9_000),
            customer_id: None,
            screening: screening(5),
        }
        .into(),
        held(None).into(),
        Held { held_until: Some(second(900)), seat: None, ..held(CustomerId::new(33).ok()) }.into(),
    ]
}

/// The number of [`events`].
const EVENTS: usize = 14;

fn view(order: &[usize]) -> Mypage {
    let events = events();
    let start = Mypage::unknown(id(), second(order[0] as i64));
    order.iter().fold(start, |mypage, &index| mypage.after(&events[index], second(index as i64)))
}

#[test]
fn booking_without_booked_has_no_order() {
    assert_eq!(view(&[0]).order, None);
    assert_eq!(view(&[0, 1]).order.unwrap().price, Some(10_000));
}

#[test]
fn unpaid_booking_is_shown_only_if_money_was_refunded() {
    let (paid, refunded, given_up) = (0, 6, 11);
    assert!(!view(&[given_up]).is_shown());
    assert!(!view(&[paid, given_up]).is_shown());
    let all = view(&[given_up, paid, refunded]);
    assert!(all.is_shown());
    assert_eq!((all.status(), all.order.unwrap().price), (Status::Expired, Some(9_000)));
    assert!(view(&[1]).is_shown());
}

#[test]
fn points_never_decrease() {
    assert_eq!(view(&[1, 2]).score, None);
    assert_eq!(view(&[1, 3]).score, Some(0));
    assert_eq!(view(&[4, 3]).score, Some(100));
}

/// The view of a held booking after the events with these indices, and after the end of its hold, if any.
fn held_and(order: &[usize], ended: Option<&str>) -> Mypage {
    let start = view(&[13]);
    let mypage = order.iter().fold(start, |mypage, &index| mypage.after(&events()[index], second(60)));
    match (ended, events().swap_remove(11)) {
        (Some(status), Event::HoldExpired(expired)) => {
            let ended = HoldExpired { status: Some(status.to_owned()), ..expired };
            mypage.after(&ended.into(), second(70))
        }
        _ => mypage,
    }
}

#[test]
fn held_booking_is_shown_if_its_customer_is_known() {
    assert!(!view(&[12]).is_shown());
    let shown = view(&[13]);
    assert!(shown.is_shown());
    assert_eq!((shown.status(), shown.held_until), (Status::PaymentPending, Some(second(900))));
}

#[test]
fn status_shows_how_a_hold_ended() {
    let (paid, booked, canceled) = (0, 1, 7);
    assert_eq!(held_and(&[paid], None).status(), Status::PaymentPending);
    assert_eq!(held_and(&[paid, booked], None).status(), Status::Booked);
    assert_eq!(held_and(&[paid, booked, canceled], None).status(), Status::Canceled);
    for ended in [Status::Declined, Status::Expired, Status::Canceled] {
        let mypage = held_and(&[], Some(&ended.to_string()));
        assert_eq!((mypage.status(), mypage.is_shown()), (ended, true));
    }
}

proptest! {
    /// Takes any subset of the events in any order, once and twice.
    #[test]
    fn same_events_in_any_order_lead_to_the_same_view(
        (once, twice) in Just((0..EVENTS).collect::<Vec<_>>())
            .prop_shuffle()
            .prop_flat_map(|all| (1..=EVENTS).prop_map(move |count| all[..count].to_vec()))
            .prop_flat_map(|once| {
                let twice = [once.clone(), once.clone()].concat();
                (Just(once), Just(twice).prop_shuffle())
            })
    ) {
        let mut in_order = once.clone();
        in_order.sort_unstable();
        prop_assert_eq!(view(&once), view(&in_order));
        prop_assert_eq!(view(&twice), view(&in_order));
    }
}
