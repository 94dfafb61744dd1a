//! Counts the wrong staff tokens of each client, and makes it wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::proxies::customer;

/// Wrong tokens of one client before the first wait, because people mistype.
pub const FREE: u32 = 5;
/// The first wait. Each further wrong token doubles it.
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(64);
/// The count of a client is reset after this time without a wrong token.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Maximum number of clients in memory, about 64 bytes each. A further one replaces the client with the
/// oldest wrong token.
const CLIENTS_MAX: usize = 4096;

/// Wrong tokens by client. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Guesses(Arc<Mutex<HashMap<IpAddr, Wrong>>>);

#[derive(Clone, Copy, Debug)]
struct Wrong {
    count: u32,
    last: Instant,
}

impl Guesses {
    /// Whether the client at `address` may send a token now.
    ///
    /// # Errors
    ///
    /// Returns how long it must wait.
    pub fn may_guess(&self, address: IpAddr) -> Result<(), Duration> {
        let clients = self.clients();
        let wait = clients.get(&customer(address)).map_or(Duration::ZERO, Wrong::wait);
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// Counts a wrong token of the client at `address`.
    pub fn was_wrong(&self, address: IpAddr) {
        let (client, last) = (customer(address), Instant::now());
        let mut clients = self.clients();
        let before =
            clients.get(&client).filter(|wrong| !wrong.is_forgotten()).map_or(0, |wrong| wrong.count);
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(&client) {
            make_room(&mut clients);
        }
        clients.insert(client, Wrong { count: before.saturating_add(1), last });
    }

    /// No code that can panic runs while this is locked.
    fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, Wrong>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wrong {
    /// Returns the rest of the wait.
    fn wait(&self) -> Duration {
        let Some(further) = self.count.checked_sub(FREE) else { return Duration::ZERO };
        let doubled = WAIT_MIN.saturating_mul(2_u32.saturating_pow(further));
        doubled.min(WAIT_MAX).saturating_sub(self.last.elapsed())
    }

    fn is_forgotten(&self) -> bool {
        self.last.elapsed() >= FORGOTTEN_AFTER
    }
}

/// Removes the clients whose count is reset, or else the one with the oldest wrong token.
fn make_room(clients: &mut HashMap<IpAddr, Wrong>) {
    clients.retain(|_, wrong| !wrong.is_forgotten());
    if clients.len() >= CLIENTS_MAX
        && let Some(oldest) = clients.iter().min_by_key(|(_, wrong)| wrong.last).map(|(client, _)| *client)
    {
        clients.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(number: usize) -> IpAddr {
        Ipv4Addr::from_bits(u32::try_from(number).unwrap()).into()
    }

    #[tokio::test(start_paused = true)]
    async fn each_further_wrong_token_doubles_the_wait_up_to_a_limit() {
        let guesses = Guesses::default();
        for _ in 1..FREE {
            guesses.was_wrong(client(1));
            guesses.may_guess(client(1)).unwrap();
        }
        for seconds in [1, 2, 4, 8, 16, 32, 64, 64] {
            guesses.was_wrong(client(1));
            assert_eq!(guesses.may_guess(client(1)), Err(Duration::from_secs(seconds)));
            tokio::time::advance(Duration::from_secs(seconds)).await;
            guesses.may_guess(client(1)).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn count_of_a_client_that_stops_guessing_is_reset() {
        let guesses = Guesses::default();
        (0..20).for_each(|_| guesses.was_wrong(client(1)));
        tokio::time::advance(FORGOTTEN_AFTER).await;
        for _ in 1..FREE {
            guesses.was_wrong(client(1));
            guesses.may_guess(client(1)).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_of_one_ipv6_network_are_one_client() {
        let guesses = Guesses::default();
        for host in 0..FREE {
            guesses.was_wrong(format!("2001:db8::{host}").parse().unwrap());
        }
        guesses.may_guess("2001:db8::ffff".parse().unwrap()).unwrap_err();
        guesses.may_guess("2001:db8:0:1::1".parse().unwrap()).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_the_oldest_guess_is_removed_first() {
        let guesses = Guesses::default();
        for number in 0..=CLIENTS_MAX {
            (0..FREE).for_each(|_| guesses.was_wrong(client(number)));
            tokio::time::advance(Duration::from_micros(1)).await;
        }
        assert_eq!(guesses.clients().len(), CLIENTS_MAX);
        guesses.may_guess(client(0)).unwrap();
        guesses.may_guess(client(CLIENTS_MAX)).unwrap_err();
    }
}
