//! The number of bookings and of clients.

#[derive(clap::Args, Clone, Debug)]
pub struct Plan {
    /// Number of bookings to make.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub bookings: u64,

    /// Number of clients that book at the same time.
    #[arg(long, value_name = "NUMBER", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub clients: u64,
}
