//! How many bookings to make, and from how many clients.

#[derive(clap::Args, Clone, Debug)]
pub struct Plan {
    /// How many bookings to make.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub bookings: u64,

    /// How many clients book at the same time.
    #[arg(long, value_name = "NUMBER", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub clients: u64,
}
