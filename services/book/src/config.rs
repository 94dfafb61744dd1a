//! The settings, from the command line and the environment.

use std::time::Duration;

use http_api::staff::Staff;
use http_server::Server;
use messaging::Backends;
use upstream::Settings;
use upstream::upstream_args;

use crate::app::Rules;

upstream_args!(
    /// How to call the payment service.
    PaymentArgs, "payment", "PAYMENT", "http://127.0.0.1:8082"
);

/// Books and cancels movie tickets.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "book", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub backends: Backends,

    #[command(flatten)]
    pub staff: Staff,

    /// TCP port to listen on. The images and the Kubernetes manifests set 8080.
    #[arg(long, env = "PORT", default_value_t = 8081)]
    pub port: u16,

    /// The cinema, recorded in every booking as `name`.
    #[arg(long = "name", env = "NAME", default_value = "CGV")]
    pub cinema: String,

    #[command(flatten)]
    pub payment: PaymentArgs,

    /// How long an unpaid booking is held, in seconds.
    #[arg(long, env = "HOLD_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub hold_seconds: u64,

    /// Maximum number of unpaid held bookings; beyond that, a booking that cannot be paid gets 503 and is not
    /// held.
    #[arg(long, env = "MAX_HELD", default_value_t = 1_000, value_parser = clap::value_parser!(i64).range(0..))]
    pub max_held: i64,

    /// Maximum number of held bookings per customer; beyond that, a booking that cannot be paid gets 409 and
    /// is not held.
    #[arg(long, env = "MAX_HELD_PER_CUSTOMER", default_value_t = 5, value_parser = clap::value_parser!(i64).range(0..))]
    pub max_held_per_customer: i64,

    /// Maximum number of seats, or places, per customer and screening.
    #[arg(long, env = "MAX_SEATS_PER_CUSTOMER", default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..))]
    pub max_seats_per_customer: i64,

    /// How long a hall stays empty between two screenings, in minutes.
    #[arg(long, env = "TURNOVER_MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u64).range(0..=1_440))]
    pub turnover_minutes: u64,

    /// Create a demo program: three movies in two halls, for a week. It is created only if no future screening exists.
    #[arg(long, env = "DEMO_DATA")]
    pub demo_data: bool,

    /// How long a request to cancel waits for the cancellation to finish, in milliseconds; then the response
    /// is 202.
    #[arg(long, env = "CANCEL_WAIT_MS", default_value_t = 1_000)]
    pub cancel_wait_ms: u64,
}

/// Time for the settlement after payment's response, on a busy machine.
const SETTLING: Duration = Duration::from_secs(5);

impl Config {
    /// The limits of the cinema.
    pub fn rules(&self) -> Rules {
        Rules {
            hold: Duration::from_secs(self.hold_seconds),
            attempt: Settings::from(self.payment.clone()).deadline + SETTLING,
            max_held: self.max_held,
            max_held_per_customer: self.max_held_per_customer,
            max_places_per_customer: self.max_seats_per_customer,
            turnover: Duration::from_secs(self.turnover_minutes * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn attempt_outlasts_the_payment_call_and_its_settlement() {
        for deadline_ms in [100_u64, 1_500, 60_000] {
            let args = [
                "book",
                "--database-url=sqlite://book.db",
                "--events-url=sqlite://events.db",
                &format!("--payment-deadline-ms={deadline_ms}"),
            ];
            let rules = Config::try_parse_from(args).unwrap().rules();
            assert_eq!(rules.attempt, Duration::from_millis(deadline_ms) + SETTLING);
        }
    }
}
