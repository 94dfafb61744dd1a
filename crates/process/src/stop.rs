//! The signal to stop.

use std::io::Read;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Returns a token that is canceled on SIGTERM, on SIGINT and, if `also_on_stdin_eof`, at the end of standard
/// input.
pub fn stop_signal(also_on_stdin_eof: bool) -> CancellationToken {
    let token = CancellationToken::new();
    let stop = token.clone();
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT can be handled");
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    if also_on_stdin_eof {
        let stop = token.clone();
        std::thread::spawn(move || {
            let mut byte = [0];
            while matches!(std::io::stdin().read(&mut byte), Ok(read) if read > 0) {}
            stop.cancel();
        });
    }
    token
}
