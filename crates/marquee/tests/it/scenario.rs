//! `marquee demo` and `marquee load` against a fleet.

use crate::fleet::{Fleet, marquee, run};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_can_be_walked_again_and_again() {
    let fleet = Fleet::up().await;
    for _ in 0..2 {
        let (code, told) = run(marquee(["demo", "--url", fleet.rest.base()])).await;
        assert_eq!(code, 0, "{told}");
        assert!(told.contains("Everything is as it should be."), "{told}");
        assert!(told.contains(&format!("POST {}/books", fleet.rest.base())), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_stops_at_the_first_answer_that_is_wrong() {
    let fleet = Fleet::nothing().await;
    let (code, told) = run(marquee(["demo", "--url", fleet.rest.base()])).await;
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("Not as it should be: no answer to POST"), "{told}");

    let fleet = {
        drop(fleet);
        Fleet::up().await
    };
    fleet.stop(marquee::fleet::Process::Payment).await;
    let (code, told) = run(marquee(["demo", "--url", fleet.rest.base()])).await;
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("expected status 201, and it is 202"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_load_measures_and_finds_every_booking_everywhere() {
    let fleet = Fleet::up().await;
    let base = fleet.port_base.to_string();
    // The second time there are bookings already.
    for bookings in ["250", "50"] {
        let load = marquee(["load", "--port-base", &base, "--bookings", bookings, "--clients", "8"]);
        let (code, told) = run(load).await;
        assert_eq!(code, 0, "{told}");
        for part in ["p50", "p90", "p99", "max", "a second", "in mypage", "outboxes empty, no dead letters"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(told.contains(&format!("{bookings} times 201")), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_load_fails_when_bookings_are_refused() {
    let fleet = Fleet::up().await;
    fleet.stop(marquee::fleet::Process::Payment).await;
    let load = marquee(["load", "--url", fleet.rest.base(), "--bookings", "10", "--clients", "2"]);
    let (code, told) = run(load).await;
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("5 times 202"), "{told}");
    assert!(told.contains("5 times 409 /problems/too-many-held"), "{told}");
    assert!(told.contains("10 of 10 answers were not 201"), "{told}");
}
