//! Memory of each process while 512 requests to one of its routes hang.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use marquee::fleet::Process;
use marquee::load::Plan as Load;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use crate::Outcome;
use crate::fleet::Fleet;
use crate::stats::print_table;

/// Rows for the lists to show.
const BOOKINGS: Load = Load { bookings: 200, clients: 8 };
/// A client's receive buffer, so small that an answer does not fit.
const RECEIVE_BUFFER_BYTES: u32 = 4096;
/// What a body is announced to have.
const BODY_BYTES: usize = 16 * 1024;
/// How many bodies of small arrays come at once, and how large they are.
const ARRAYS: (usize, usize) = (8, 256 * 1024);

const ROUTES: &[(Process, &[&str])] = &[
    (
        Process::Gateway,
        &[
            "GET /",
            "GET /books",
            "POST /books",
            "GET /screenings",
            "POST /screenings",
            "GET /payments",
            "GET /mypages",
            "GET /tickets",
            "GET /points",
            "GET /docs/",
            "GET /docs/swagger-ui-bundle.js",
            "GET /api-docs/openapi.json",
            "GET /api-docs/book/openapi.json",
            "GET /status",
            "GET /audit",
            "GET /livez",
            "GET /metrics",
            "GET /nothing",
        ],
    ),
    (
        Process::Book,
        &[
            "GET /books?size=100",
            "POST /books",
            "GET /books/1",
            "DELETE /books/999",
            "PATCH /books/999",
            "POST /books/999/payment",
            "GET /screenings?size=100",
            "GET /screenings/1",
            "GET /screenings/1/seats",
            "POST /screenings",
            "GET /api-docs/openapi.json",
            "GET /readyz",
            "GET /metrics",
        ],
    ),
    (
        Process::Payment,
        &["GET /payments?size=100", "POST /payments", "POST /cancellations", "GET /api-docs/openapi.json"],
    ),
    (Process::Mypage, &["GET /mypages?size=100", "GET /mypages/1", "GET /api-docs/openapi.json"]),
    (Process::Ticket, &["GET /tickets?size=100", "PATCH /tickets/999", "GET /api-docs/openapi.json"]),
    (Process::Point, &["GET /points?size=100", "POST /points", "GET /api-docs/openapi.json"]),
];

#[derive(clap::Args, Debug)]
pub struct Plan {
    /// How many requests hang at the same time.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=4000))]
    requests: u64,

    /// How long they hang before the memory is read, in milliseconds.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    hang_ms: u64,
}

pub async fn run(plan: &Plan) -> Outcome {
    let fleet = Fleet::up(None).await?;
    fleet.book(&BOOKINGS).await?;
    let mut rows = Vec::new();
    for (process, routes) in ROUTES {
        for route in *routes {
            let address = fleet.address(*process)?;
            let rest = mib(&fleet, *process, "VmRSS")?;
            let half = format!("{route} HTTP/1.1\r\nhost: cinema\r\nx-half: ");
            let before = peak(plan, &fleet, *process, address, half.as_bytes()).await?;
            let after = peak(plan, &fleet, *process, address, head(route).as_bytes()).await?;
            let left = mib(&fleet, *process, "VmRSS")?;
            rows.push(row(*process, route, [rest, before, after, left]));
        }
    }
    let rest = mib(&fleet, Process::Book, "VmRSS")?;
    let arrays = Plan { requests: ARRAYS.0 as u64, ..*plan };
    let body = format!("{{\"x\": [{}0]}}", "[0],".repeat(ARRAYS.1 / 4 - 4));
    let request = format!("{}{body}", head_of("POST /screenings", body.len()));
    let address = fleet.address(Process::Book)?;
    let peak = peak(&arrays, &fleet, Process::Book, address, request.as_bytes()).await?;
    let left = mib(&fleet, Process::Book, "VmRSS")?;
    rows.push(row(Process::Book, "8 bodies of 256 KiB of arrays", [rest, f64::NAN, peak, left]));
    fleet.stop().await?;
    println!("Resident memory in MiB while {} requests hang", plan.requests);
    print_table(&["process", "route", "at rest", "in the head", "after the head", "left"], &rows);
    Ok(())
}

/// The most memory of `process` while each of many connections has sent `bytes`, and reads nothing.
async fn peak(
    plan: &Plan,
    fleet: &Fleet,
    process: Process,
    address: SocketAddr,
    bytes: &[u8],
) -> Outcome<f64> {
    // Sets the peak to what is resident now.
    fs::write(format!("/proc/{}/clear_refs", fleet.pid(process)?), "5")?;
    let mut hanging = Vec::new();
    for _ in 0..plan.requests {
        hanging.push(hang(address, bytes).await?);
    }
    sleep(Duration::from_millis(plan.hang_ms)).await;
    let peak = mib(fleet, process, "VmHWM")?;
    drop(hanging);
    sleep(Duration::from_millis(plan.hang_ms)).await;
    Ok(peak)
}

async fn hang(address: SocketAddr, bytes: &[u8]) -> Outcome<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    let mut connection = socket.connect(address).await?;
    connection.write_all(bytes).await?;
    Ok(connection)
}

/// A whole head: of a request without a body, or of one whose body never comes.
fn head(route: &str) -> String {
    head_of(route, if route.starts_with("GET") { 0 } else { BODY_BYTES })
}

fn head_of(route: &str, length: usize) -> String {
    format!(
        "{route} HTTP/1.1\r\nhost: cinema\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

fn mib(fleet: &Fleet, process: Process, field: &str) -> Outcome<f64> {
    Ok(fleet.memory(process, field)? as f64 / 1024.0)
}

fn row(process: Process, route: &str, figures: [f64; 4]) -> Vec<String> {
    let shown = figures.map(|figure| if figure.is_nan() { String::new() } else { format!("{figure:.1}") });
    [[process.name().to_owned(), route.to_owned()].to_vec(), shown.to_vec()].concat()
}
