//! Time of pages of book's lists on PostgreSQL, in a table of two million bookings: the first page, a page by
//! number, a deep page by `after`, and pages of one customer.

use std::time::Instant;

use marquee::fleet::Process;
use marquee::rest::Rest;

use crate::Outcome;
use crate::fleet::Fleet;
use crate::servers::Servers;
use crate::stats::{Runs, millis, print_table};

/// A customer with few bookings, and the customer with half of all bookings.
const CUSTOMER: u64 = 7;
const GREAT_CUSTOMER: u64 = 1;
/// Number of customers that share the other half.
const CUSTOMERS: u64 = 10_000;

#[derive(clap::Args, Debug)]
pub struct Plan {
    /// Number of bookings in the table.
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(20_000..=10_000_000))]
    bookings: u64,

    /// Number of requests for each page, in turn, after two warm-up requests.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    runs: u64,
}

pub async fn run(plan: &Plan) -> Outcome {
    let servers = Servers::start()?;
    let fleet = Fleet::up(Some(&servers)).await?;
    eprintln!("adding {} bookings …", plan.bookings);
    let before = Instant::now();
    fill(&servers, &fleet.database(Process::Book)?, plan.bookings)?;
    eprintln!("added in {:.0?}", before.elapsed());

    let book = fleet.service(Process::Book);
    let deep = plan.bookings - plan.bookings / 10;
    let pages = [
        "/books".to_owned(),
        "/books?size=100".to_owned(),
        "/books?page=99&size=100".to_owned(),
        format!("/books?after={deep}&size=100"),
        format!("/books?customerId={CUSTOMER}&size=100"),
        format!("/books?customerId={GREAT_CUSTOMER}&size=100"),
        format!("/books?customerId={GREAT_CUSTOMER}&page=99&size=100"),
        format!("/books?customerId={GREAT_CUSTOMER}&after={deep}&size=100"),
    ];
    let mut times = pages.each_ref().map(|_| Runs::default());
    for run in 0..plan.runs + 2 {
        for (page, times) in pages.iter().zip(&mut times) {
            let took = read(&book, page).await?;
            if run >= 2 {
                times.add(took);
            }
        }
    }
    fleet.stop().await?;

    println!("{} bookings, {} requests each, to book itself: median (min – max)", plan.bookings, plan.runs);
    let rows: Vec<_> =
        pages.iter().zip(&times).map(|(page, times)| vec![format!("GET {page}"), times.shown(1)]).collect();
    print_table(&["", "ms"], &rows);
    Ok(())
}

/// Returns the time of a page in milliseconds.
async fn read(book: &Rest, page: &str) -> Outcome<f64> {
    let before = Instant::now();
    let answer = book.get(page).await?;
    let took = millis(before.elapsed());
    let rows = answer.body["_embedded"]["books"].as_array().map_or(0, Vec::len);
    if answer.status != 200 || rows < 20 {
        return Err(format!("GET {page}: {}, {rows} bookings", answer.status).into());
    }
    Ok(took)
}

fn fill(servers: &Servers, database: &str, bookings: u64) -> Outcome {
    let insert = format!(
        "INSERT INTO bookings (movie_name, movie_key, qty, total_price, name, customer_id, status, paid, created_at, updated_at)
         SELECT 'soul', 'soul', 1, 10000, 'CGV',
                CASE WHEN number % 2 = 0 THEN {GREAT_CUSTOMER} ELSE 2 + number / 2 % {CUSTOMERS} END,
                'PaidComplete', 1, 0, 0
         FROM generate_series(1, {bookings}) AS number"
    );
    servers.psql(database, &["-c", &insert, "-c", "VACUUM (ANALYZE) bookings"])
}
