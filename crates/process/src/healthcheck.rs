//! Asks a running process whether it is ready.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// Maximum time a health check waits for the connection, and for the answer.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);

/// Requests `/readyz` on `port` of this machine, prints why the process is not ready, and returns the exit
/// code.
pub(crate) fn ask(port: u16) -> ExitCode {
    match ready_line(port) {
        Ok(line) if line.ends_with(" 200") => ExitCode::SUCCESS,
        Ok(line) => {
            eprintln!("not ready: {line}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("no answer on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the beginning of the answer, such as `HTTP/1.0 200`.
fn ready_line(port: u16) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut connection = TcpStream::connect_timeout(&address, ASK_TIMEOUT)?;
    connection.set_read_timeout(Some(ASK_TIMEOUT))?;
    connection.write_all(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut line = [0; "HTTP/1.0 200".len()];
    connection.read_exact(&mut line)?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}
