//! The address of a running fleet, for the commands that send it requests.

use std::net::{IpAddr, Ipv4Addr};

use crate::fleet::{DEFAULT_PORT_BASE, PORT_BASES, Process};
use crate::rest::Rest;

/// A running fleet.
#[derive(clap::Args, Clone, Debug)]
pub struct Target {
    /// Address of the gateway, for a fleet on another machine.
    #[arg(long, conflicts_with = "port_base")]
    url: Option<String>,

    /// The --port-base of the fleet on this machine.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT_BASE, value_parser = clap::value_parser!(u16).range(PORT_BASES))]
    port_base: u16,
}

/// No answer came from the address of the gateway.
#[derive(Debug, thiserror::Error)]
#[error("no fleet answers at {0}; start one with `marquee up`, or select another with --port-base or --url")]
pub struct NoFleet(String);

impl Target {
    /// Checks that a fleet answers, with whatever status.
    ///
    /// # Errors
    ///
    /// [`NoFleet`] if none does.
    pub async fn answers(&self) -> Result<(), NoFleet> {
        let gateway = self.gateway();
        match Rest::new(&gateway).get("/livez").await {
            Ok(_) => Ok(()),
            Err(_) => Err(NoFleet(gateway)),
        }
    }

    /// The fleet on this machine with this port base.
    pub fn local(port_base: u16) -> Self {
        Self { url: None, port_base }
    }

    pub fn gateway(&self) -> String {
        self.url.clone().unwrap_or_else(|| self.local_url(Process::Gateway))
    }

    /// The addresses of the processes; empty if only the gateway is known.
    pub fn processes(&self) -> Vec<(Process, String)> {
        if self.url.is_some() {
            return Vec::new();
        }
        let address = |process| (process, self.local_url(process));
        Process::ALL.into_iter().map(address).collect()
    }

    fn local_url(&self, process: Process) -> String {
        let port = process.port(self.port_base);
        format!("http://{}:{port}", IpAddr::from(Ipv4Addr::LOCALHOST))
    }
}
