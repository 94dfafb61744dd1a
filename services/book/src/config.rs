//! What the environment may say.

use std::time::Duration;

use messaging::Backends;
use service_kit::config::Server;
use service_kit::staff::Staff;
use service_kit::upstream::Settings;
use service_kit::upstream_args;

use crate::app::Rules;

upstream_args!(
    /// How the payment service is called.
    PaymentArgs, "payment", "PAYMENT", "http://127.0.0.1:8082"
);

/// Takes bookings of movies, has them paid, and cancels them.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "book", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub backends: Backends,

    #[command(flatten)]
    pub staff: Staff,

    /// TCP port to listen on; 8080 in a cluster.
    #[arg(long, env = "PORT", default_value_t = 8081)]
    pub port: u16,

    /// The cinema: stamped into every booking as `name`.
    #[arg(long = "name", env = "NAME", default_value = "CGV")]
    pub cinema: String,

    #[command(flatten)]
    pub payment: PaymentArgs,

    /// How long a booking that could not be paid is held, in seconds.
    #[arg(long, env = "HOLD_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub hold_seconds: u64,

    /// How many bookings are held unpaid at most; beyond that the answer is 503 and nothing is kept.
    #[arg(long, env = "MAX_HELD", default_value_t = 1_000, value_parser = clap::value_parser!(i64).range(0..))]
    pub max_held: i64,

    /// The same of one customer, who is answered 409 beyond that.
    #[arg(long, env = "MAX_HELD_PER_CUSTOMER", default_value_t = 5, value_parser = clap::value_parser!(i64).range(0..))]
    pub max_held_per_customer: i64,

    /// Seats, or places, of one screening that one customer can have.
    #[arg(long, env = "MAX_SEATS_PER_CUSTOMER", default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..))]
    pub max_seats_per_customer: i64,

    /// How long a hall stays empty between two screenings, in minutes.
    #[arg(long, env = "TURNOVER_MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u64).range(0..=1_440))]
    pub turnover_minutes: u64,

    /// Announces a programme to try the fleet with: three movies in two halls, for a week. Not if anything is announced that
    /// is still to come.
    #[arg(long, env = "DEMO_DATA")]
    pub demo_data: bool,

    /// Longest wait for the end of a cancel, in milliseconds; after it the answer is 202.
    #[arg(long, env = "CANCEL_WAIT_MS", default_value_t = 1_000)]
    pub cancel_wait_ms: u64,
}

/// More than an attempt to pay takes: what comes after the answer, on a busy machine.
const SETTLING: Duration = Duration::from_secs(5);

impl Config {
    /// What the cinema allows.
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
