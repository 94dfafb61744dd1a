//! `marquee demo` and `marquee load` on a running fleet.

use crate::fleet::{Fleet, marquee, run};

#[tokio::test(flavor = "multi_thread")]
async fn demo_can_be_repeated() {
    let fleet = Fleet::up().await;
    for _ in 0..2 {
        let (code, output) = run(marquee(["demo", "--url", fleet.rest.base()])).await;
        assert_eq!(code, 0, "{output}");
        assert!(output.contains("All answers are as expected."), "{output}");
        assert!(output.contains(&format!("POST {}/books", fleet.rest.base())), "{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_stops_at_the_first_unexpected_answer() {
    let fleet = Fleet::nothing().await;
    for command in ["demo", "load"] {
        let (code, output) = run(marquee([command, "--url", fleet.rest.base()])).await;
        let line = format!(
            "marquee: no fleet answers at {}; start one with `marquee up`, or select another with --port-base or --url\n",
            fleet.rest.base()
        );
        assert_eq!((code, output), (1, line), "{command}");
    }

    let fleet = {
        drop(fleet);
        Fleet::up().await
    };
    fleet.stop(marquee::fleet::Process::Payment).await;
    let (code, output) = run(marquee(["demo", "--url", fleet.rest.base()])).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("expected status 201, but got 202"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn load_measures_and_checks_every_booking_in_every_service() {
    let fleet = Fleet::up().await;
    let base = fleet.port_base.to_string();
    // The second run finds earlier bookings.
    for bookings in ["250", "50"] {
        let load = marquee(["load", "--port-base", &base, "--bookings", bookings, "--clients", "8"]);
        let (code, output) = run(load).await;
        assert_eq!(code, 0, "{output}");
        for part in ["p50", "p90", "p99", "max", "a second", "in mypage", "outboxes empty, no dead letters"] {
            assert!(output.contains(part), "{part}: {output}");
        }
        assert!(output.contains(&format!("{bookings} times with 201")), "{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn load_fails_when_bookings_are_refused() {
    let fleet = Fleet::up().await;
    fleet.stop(marquee::fleet::Process::Payment).await;
    let load = marquee(["load", "--url", fleet.rest.base(), "--bookings", "10", "--clients", "2"]);
    let (code, output) = run(load).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("5 times with 202"), "{output}");
    assert!(output.contains("5 times with 409 /problems/too-many-held"), "{output}");
    assert!(output.contains("10 of 10 requests were not answered with 201"), "{output}");
}
