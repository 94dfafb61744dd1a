//! Whether records can flow between this process and the brokers; if they cannot, the reason and what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use telemetry::outage::{EVENT_LOG, Outage};

/// What must work, in the order in which faults are reported: the first fault explains the later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// A broker responds.
    Connection,
    /// The user has the permission.
    Permission,
    /// The topic exists.
    Topic,
    /// This process has joined the consumer group.
    Membership,
}

/// Something that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether an operator should know of it; false while the first attempt lasts.
    pub is_alarm: bool,
    /// What happened and what to do, in one line.
    pub detail: String,
}

/// The faults of all clients of one process. While there are any, the log contains an outage of the event log.
#[derive(Debug)]
pub struct Condition {
    /// Keyed by aspect and client.
    faults: Mutex<BTreeMap<(Aspect, String), Fault>>,
    outage: Outage,
}

impl Default for Condition {
    fn default() -> Self {
        Self { faults: Mutex::default(), outage: Outage::of(EVENT_LOG) }
    }
}

impl Condition {
    /// Records that `aspect` does not work for `client`.
    pub fn fails(&self, client: &str, aspect: Aspect, fault: Fault) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if fault.is_alarm {
            self.outage.failed(&fault.detail);
        }
        faults.insert((aspect, client.to_owned()), fault);
    }

    /// Records that `user` may not do `operation`, such as `READ topic movie`. Returns the message.
    pub fn forbidden(&self, client: &str, user: &str, operation: &str) -> String {
        let detail = format!("user {user} needs permission to {operation}");
        self.fails(client, Aspect::Permission, Fault::alarm(&detail));
        detail
    }

    /// Records that `aspect` works for `client`.
    pub fn works(&self, client: &str, aspect: Aspect) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.remove(&(aspect, client.to_owned()));
        if !faults.values().any(|fault| fault.is_alarm) {
            self.outage.succeeded();
        }
    }

    pub fn forget(&self, client: &str) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.retain(|(_, of), _| of != client);
        if !faults.values().any(|fault| fault.is_alarm) {
            self.outage.forget();
        }
    }

    /// Whether `aspect` has failed for `client`, rather than being pending.
    pub fn has_failed(&self, client: &str, aspect: Aspect) -> bool {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.get(&(aspect, client.to_owned())).is_some_and(|fault| fault.is_alarm)
    }

    /// Whether records can flow.
    ///
    /// # Errors
    ///
    /// The present faults of the first aspect that has any.
    pub fn check(&self) -> Result<(), String> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(((first, _), _)) = faults.first_key_value() else {
            return Ok(());
        };
        let of_it = faults.iter().filter(|((aspect, _), _)| aspect == first);
        let details: BTreeSet<_> = of_it.map(|(_, fault)| fault.detail.as_str()).collect();
        Err(details.into_iter().collect::<Vec<_>>().join("; "))
    }
}

impl Fault {
    pub fn pending(detail: impl Into<String>) -> Self {
        Self { is_alarm: false, detail: detail.into() }
    }

    pub fn alarm(detail: impl Into<String>) -> Self {
        Self { is_alarm: true, detail: detail.into() }
    }

    /// The brokers do not know `topic`: those of a new topic hear of it shortly after its creation.
    pub fn unknown_topic(topic: &str, is_new: bool) -> Self {
        if is_new {
            return Self::pending(format!("the brokers do not know the topic {topic} yet"));
        }
        let remedy = "create it, or restart a process, which creates it";
        Self::alarm(format!("the topic {topic} was deleted: {remedy}"))
    }
}

/// The permission that a user needs to write `topic`.
pub fn write_permission(topic: &str) -> String {
    format!("WRITE topic {topic}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_connection_hides_later_faults() {
        let condition = Condition::default();
        condition.fails("book", Aspect::Membership, Fault::pending("not joined"));
        assert_eq!(condition.check(), Err("not joined".to_owned()));
        condition.fails("producer", Aspect::Connection, Fault::alarm("refused"));
        assert_eq!(condition.check(), Err("refused".to_owned()));
        condition.works("producer", Aspect::Connection);
        condition.works("book", Aspect::Membership);
        assert_eq!(condition.check(), Ok(()));
    }

    #[test]
    fn recovery_of_one_client_leaves_the_faults_of_another() {
        let condition = Condition::default();
        for client in ["producer", "book"] {
            condition.fails(client, Aspect::Connection, Fault::alarm("refused"));
        }
        condition.works("book", Aspect::Connection);
        assert!(condition.has_failed("producer", Aspect::Connection));
        assert!(condition.check().is_err());
    }
}
