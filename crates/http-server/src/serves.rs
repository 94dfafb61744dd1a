//! What a process serves, and what is put around it once its settings are known.

use axum::{Extension, Router};
use http_api::proxies::TrustedProxies;
use http_connections::Answers;

use crate::hold::Gate;
use crate::hosts::AllowedHosts;
use crate::overload::Door;

/// What a process serves. The defaults are for a process that reads these settings itself.
pub trait Serves: Answers<Door> + Sized {
    /// Returns this with `gate` before every request that changes something.
    #[must_use]
    fn behind(self, _gate: &Gate) -> Self {
        self
    }

    /// Returns this with `proxies` as the peers whose reports about clients are believed.
    #[must_use]
    fn trusting(self, _proxies: &TrustedProxies) -> Self {
        self
    }

    /// Returns this with `hosts` as the hosts that requests may name.
    #[must_use]
    fn answering_for(self, _hosts: AllowedHosts) -> Self {
        self
    }
}

impl Serves for Router {
    fn behind(self, gate: &Gate) -> Self {
        self.layer(Extension(gate.clone()))
    }

    fn trusting(self, proxies: &TrustedProxies) -> Self {
        self.layer(Extension(proxies.clone()))
    }

    fn answering_for(self, hosts: AllowedHosts) -> Self {
        self.layer(Extension(hosts))
    }
}
