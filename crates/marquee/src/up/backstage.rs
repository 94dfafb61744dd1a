//! Runs the services and the payment provider without the gateway, on free ports of this machine. Only the
//! command that starts them sends them requests.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use tokio::time::sleep;

use super::children::Children;
use super::error::{READY_TIMEOUT, StartError};
use super::plan::Up;
use super::screen::Screen;
use super::{checks, ready};
use crate::data_dir::DataDir;
use crate::fleet::{Fleet, Process};
use crate::paint::Paint;

/// Port bases below the ephemeral ports of most systems.
const PORT_BASES: std::ops::Range<u16> = 20_000..30_000;
/// Maximum number of port bases to try.
const ATTEMPTS: usize = 100;
/// Number of ports that one fleet needs.
const SPAN: u16 = 16;

/// Running services, which are killed on drop.
pub struct Backstage {
    /// Their addresses and data.
    pub fleet: Fleet,
    children: Children,
    screen: Screen,
}

impl Backstage {
    /// Starts the services on the data directory of `fleet`, and waits until each is ready and has joined the
    /// event log. Their output goes to their log files only.
    ///
    /// # Errors
    ///
    /// When one of them ends, or is not ready in time.
    pub async fn start(fleet: &Fleet, data_dir: &DataDir) -> Result<Self, StartError> {
        let fleet = on_free_ports(fleet)?;
        let screen = Screen::onto(io::sink(), Paint::none());
        let up = Up { fleet: fleet.clone(), no_demo_data: true, verbose: false };
        let mut children = Children::start(&Process::WITH_DATABASE, &up, data_dir, &screen)?;
        let all_ready = async {
            ready::all(&fleet, &Process::WITH_DATABASE).await;
            ready::all_joined(&fleet).await
        };
        tokio::select! {
            _ = all_ready => {}
            ended = children.next_ended() => return Err(StartError::Ended(ended)),
            () = sleep(READY_TIMEOUT) => {
                return Err(StartError::NotReady(ready::missing(&fleet, &Process::WITH_DATABASE).await));
            }
        }
        Ok(Self { fleet, children, screen })
    }

    /// Stops the services in order.
    pub async fn stop(mut self) {
        self.children.stop_in_order(&self.screen).await;
    }
}

/// Moves `fleet` to free ports on the loopback address.
fn on_free_ports(fleet: &Fleet) -> Result<Fleet, StartError> {
    let mut fleet = Fleet { host: IpAddr::V4(Ipv4Addr::LOCALHOST), ..fleet.clone() };
    let bases = usize::from((PORT_BASES.end - PORT_BASES.start) / SPAN);
    // The first base depends on the process id, so that two restores at once try different ones.
    let first = std::process::id() as usize % bases;
    let mut outcome = Ok(());
    for attempt in 0..ATTEMPTS {
        let index = u16::try_from((first + attempt) % bases).unwrap_or_default();
        fleet.port_base = PORT_BASES.start + index * SPAN;
        outcome = checks::ports_are_free(&fleet);
        if outcome.is_ok() {
            return Ok(fleet);
        }
    }
    outcome.map(|()| fleet).map_err(StartError::from)
}
