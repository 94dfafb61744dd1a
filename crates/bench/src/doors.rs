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

/// Number of rows in the lists.
const BOOKINGS: Load = Load { bookings: 200, clients: 8 };
/// A client's receive buffer, too small for a response.
const RECEIVE_BUFFER_BYTES: u32 = 4096;
/// The announced length of a body.
const BODY_BYTES: usize = 16 * 1024;
/// Number of concurrent bodies with small arrays, and their size.
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
    /// Number of requests that hang at the same time.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=4000))]
    requests: u64,

    /// How long the requests hang before the memory is read, in milliseconds.
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
            let in_head = peak(plan, &fleet, *process, address, half.as_bytes()).await?;
            // The body never comes, even if the route expects none.
            let bodiless = head(route, BODY_BYTES);
            let in_body = peak(plan, &fleet, *process, address, bodiless.as_bytes()).await?;
            let whole = format!("{}{{}}", head(route, 2));
            let in_answer = peak(plan, &fleet, *process, address, whole.as_bytes()).await?;
            let left = mib(&fleet, *process, "VmRSS")?;
            rows.push(row(*process, route, [rest, in_head, in_body, in_answer, left]));
        }
    }
    rows.push(arrays(plan, &fleet).await?);
    fleet.stop().await?;
    println!("Resident memory in MiB while {} requests hang", plan.requests);
    let head = ["process", "route", "at rest", "in the head", "in the body", "in the response", "afterwards"];
    print_table(&head, &rows);
    Ok(())
}

/// Measures bodies that are small on the wire and large in memory.
async fn arrays(plan: &Plan, fleet: &Fleet) -> Outcome<Vec<String>> {
    let rest = mib(fleet, Process::Book, "VmRSS")?;
    let (requests, bytes) = ARRAYS;
    let body = format!("{{\"x\": [{}0]}}", "[0],".repeat(bytes / 4 - 4));
    let request = format!("{}{body}", head("POST /screenings", body.len()));
    let plan = Plan { requests: requests as u64, ..*plan };
    let peak = peak(&plan, fleet, Process::Book, fleet.address(Process::Book)?, request.as_bytes()).await?;
    let left = mib(fleet, Process::Book, "VmRSS")?;
    let route = format!("POST /screenings, {requests} bodies of {} KiB of arrays", bytes / 1024);
    Ok(row(Process::Book, &route, [rest, f64::NAN, f64::NAN, peak, left]))
}

/// Returns the peak memory of `process` while each of many connections has sent `bytes`, and reads nothing.
async fn peak(
    plan: &Plan,
    fleet: &Fleet,
    process: Process,
    address: SocketAddr,
    bytes: &[u8],
) -> Outcome<f64> {
    // Resets the peak to the current resident memory.
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

fn head(route: &str, length: usize) -> String {
    format!(
        "{route} HTTP/1.1\r\nhost: cinema\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

fn mib(fleet: &Fleet, process: Process, field: &str) -> Outcome<f64> {
    Ok(fleet.memory(process, field)? as f64 / 1024.0)
}

fn row(process: Process, route: &str, figures: [f64; 5]) -> Vec<String> {
    let shown = figures.map(|figure| if figure.is_nan() { String::new() } else { format!("{figure:.1}") });
    [[process.name().to_owned(), route.to_owned()].to_vec(), shown.to_vec()].concat()
}
