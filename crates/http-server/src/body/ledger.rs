//! Accounts for the memory that request bodies hold, by process and by peer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// A body of up to this size is small: it may use the reserve.
pub const SMALL_BYTES: usize = 16 * 1024;
/// A body that needs memory itself can be the slowest only once it is this old.
const JUDGED_AFTER: Duration = Duration::from_secs(1);

/// Accounts for the bodies of all requests of one process.
#[derive(Debug)]
pub struct Ledger {
    limits: Shares,
    state: Mutex<State>,
}

/// How the memory is divided, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// For all bodies.
    pub total: usize,
    /// The part of the total that only small bodies may use.
    pub reserve: usize,
    /// The largest part for one peer.
    pub peer: usize,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    by_peer: HashMap<IpAddr, usize>,
    /// The bodies that are not complete yet.
    incoming: HashMap<u64, Incoming>,
    next: u64,
}

/// A body that is not complete yet.
#[derive(Debug)]
struct Incoming {
    peer: Option<IpAddr>,
    held: usize,
    received: usize,
    since: Instant,
    cut: Arc<Notify>,
}

/// Why a body may not grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Other bodies use up the memory, and all of them are faster.
    NoMemory,
    /// The body was the slowest one when another one needed memory.
    Cut,
}

/// The memory that is charged for one body, until it is dropped.
#[derive(Debug, Default)]
pub struct Memory(Option<Account>);

#[derive(Debug)]
struct Account {
    ledger: Arc<Ledger>,
    peer: Option<IpAddr>,
    charge: Charge,
}

#[derive(Debug)]
enum Charge {
    Incoming { id: u64, cut: Arc<Notify> },
    Complete { held: usize },
}

impl Ledger {
    pub fn new(limits: Shares) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// Opens an account for a body that begins now. `peer` is charged too, if it has a limit.
    pub fn begin(self: &Arc<Self>, peer: Option<IpAddr>) -> Memory {
        let cut = Arc::new(Notify::new());
        let body = Incoming { peer, held: 0, received: 0, since: Instant::now(), cut: cut.clone() };
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.incoming.insert(id, body);
        Memory(Some(Account { ledger: self.clone(), peer, charge: Charge::Incoming { id, cut } }))
    }

    /// Returns the bytes that are currently charged.
    pub fn used(&self) -> usize {
        self.state().used
    }

    /// No code that can panic runs while this is locked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Charges for a buffer of `held` bytes in all, after `received` bytes have arrived. If the memory is
    /// used up, slower bodies are cut off.
    ///
    /// # Errors
    ///
    /// The body may not grow, and must end.
    pub fn grow(&self, held: usize, received: usize) -> Result<(), Refused> {
        let Some(Account { ledger, charge: Charge::Incoming { id, .. }, .. }) = &self.0 else {
            return Ok(());
        };
        let mut state = ledger.state();
        let body = state.incoming.get_mut(id).ok_or(Refused::Cut)?;
        body.received = received;
        let (more, peer) = (held.saturating_sub(body.held), body.peer);
        let roof = ledger.limits.total - if held > SMALL_BYTES { ledger.limits.reserve } else { 0 };
        while state.used + more > roof {
            state.cut_slowest(*id, None)?;
        }
        if let Some(peer) = peer {
            while state.by_peer.get(&peer).copied().unwrap_or_default() + more > ledger.limits.peer {
                state.cut_slowest(*id, Some(peer))?;
            }
        }
        state.charge(peer, more);
        state.incoming.get_mut(id).ok_or(Refused::Cut)?.held += more;
        Ok(())
    }

    /// Waits until the body is cut off.
    pub async fn cut(&self) {
        match &self.0 {
            Some(Account { charge: Charge::Incoming { cut, .. }, .. }) => cut.notified().await,
            _ => std::future::pending().await,
        }
    }

    /// Keeps the charge of a body that has arrived completely. From here on it cannot be cut off.
    ///
    /// # Errors
    ///
    /// The body has already been cut off.
    pub fn complete(&mut self) -> Result<(), Refused> {
        let Some(account) = &mut self.0 else { return Ok(()) };
        let Charge::Incoming { id, .. } = account.charge else { return Ok(()) };
        let body = account.ledger.state().incoming.remove(&id).ok_or(Refused::Cut)?;
        account.charge = Charge::Complete { held: body.held };
        Ok(())
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let mut state = self.ledger.state();
        match self.charge {
            // A body that was cut off is no longer charged.
            Charge::Incoming { id, .. } => {
                if let Some(body) = state.incoming.remove(&id) {
                    state.release(body.peer, body.held);
                }
            }
            Charge::Complete { held } => state.release(self.peer, held),
        }
    }
}

impl State {
    fn charge(&mut self, peer: Option<IpAddr>, bytes: usize) {
        self.used += bytes;
        if let Some(peer) = peer
            && bytes > 0
        {
            *self.by_peer.entry(peer).or_default() += bytes;
        }
    }

    fn release(&mut self, peer: Option<IpAddr>, bytes: usize) {
        self.used -= bytes;
        if let Some(peer) = peer
            && let Some(used) = self.by_peer.get_mut(&peer)
        {
            *used -= bytes;
            if *used == 0 {
                self.by_peer.remove(&peer);
            }
        }
    }

    /// Cuts off the slowest body, of `peer` or of all, to free its memory for the body with the id `needy`.
    fn cut_slowest(&mut self, needy: u64, peer: Option<IpAddr>) -> Result<(), Refused> {
        let candidates = self.incoming.iter().filter(|(id, body)| {
            let is_judged = **id != needy || body.since.elapsed() >= JUDGED_AFTER;
            is_judged && body.held > 0 && (peer.is_none() || body.peer == peer)
        });
        let slowest = candidates.min_by_key(|(_, body)| body.rate()).map(|(id, _)| *id);
        let slowest = slowest.filter(|id| *id != needy).ok_or(Refused::NoMemory)?;
        if let Some(body) = self.incoming.remove(&slowest) {
            self.release(body.peer, body.held);
            body.cut.notify_one();
        }
        Ok(())
    }
}

impl Incoming {
    /// Returns the average rate in bytes a second.
    fn rate(&self) -> u128 {
        self.received as u128 * 1_000 / self.since.elapsed().as_millis().max(1)
    }
}
