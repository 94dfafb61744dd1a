//! Whether records can flow between this process and the brokers, and who has to do what if they cannot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// What has to work. In the order in which it is shown: the first that does not explains the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// A broker answers.
    Connection,
    /// It allows what is asked of it.
    Permission,
    /// The topic is there.
    Topic,
    /// The consumer group has taken this process in.
    Membership,
}

/// What does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: Kind,
    /// What happened and what to do, in one line.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Unreachable,
    Tls,
    Login,
    Forbidden,
    Missing,
    /// Nobody has refused or failed yet: no reason to worry.
    Pending,
}

/// Of all clients of one process together: a broker that is away is away for each of them, and is told of once.
#[derive(Debug, Default)]
pub struct Condition {
    /// By aspect and client.
    faults: Mutex<BTreeMap<(Aspect, String), Fault>>,
}

impl Condition {
    /// Says so in the log if it is news.
    pub fn fails(&self, client: &str, aspect: Aspect, fault: Fault) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if fault.is_reason_to_worry() && !faults.values().any(|known| known.tells_as(&fault)) {
            tracing::warn!(target: "kafka", "the event log is not usable: {}", fault.detail);
        }
        faults.insert((aspect, client.to_owned()), fault);
    }

    /// The brokers do not let `user` do `operation`, such as `READ topic movie`. Gives the line that says so.
    pub fn is_forbidden(&self, client: &str, user: &str, operation: &str) -> String {
        let fault = Fault::forbidden(format!("user {user} needs permission to {operation}"));
        let detail = fault.detail.clone();
        self.fails(client, Aspect::Permission, fault);
        detail
    }

    /// Says so in the log if nothing else is wrong any more.
    pub fn works(&self, client: &str, aspect: Aspect) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = faults.remove(&(aspect, client.to_owned()));
        let ended_worry = ended.as_ref().is_some_and(Fault::is_reason_to_worry);
        if ended_worry && !faults.values().any(Fault::is_reason_to_worry) {
            tracing::info!(target: "kafka", "the event log is usable again");
        }
    }

    /// What kept `client` from working does not matter any more.
    pub fn forget(&self, client: &str) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.retain(|(_, of), _| of != client);
    }

    /// Whether this is known not to work, and not only not known to work.
    pub fn has_failed(&self, client: &str, aspect: Aspect) -> bool {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.get(&(aspect, client.to_owned())).is_some_and(Fault::is_reason_to_worry)
    }

    /// # Errors
    ///
    /// What is wrong now.
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
        Self { kind: Kind::Pending, detail: detail.into() }
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self { kind: Kind::Forbidden, detail: detail.into() }
    }

    pub fn missing(topic: &str) -> Self {
        let detail =
            format!("the topic {topic} was deleted: make it again, or restart a process, which makes it");
        Self { kind: Kind::Missing, detail }
    }

    fn is_reason_to_worry(&self) -> bool {
        self.kind != Kind::Pending
    }

    /// Whether who knows of the one knows of the other. What a connection fails of may differ from broker to broker and
    /// from try to try; what is forbidden does not.
    fn tells_as(&self, other: &Self) -> bool {
        self.kind == other.kind && (self.kind != Kind::Forbidden || self.detail == other.detail)
    }
}

/// The permission that a user needs to write `topic`.
pub fn write_permission(topic: &str) -> String {
    format!("WRITE topic {topic}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: Kind, detail: &str) -> Fault {
        Fault { kind, detail: detail.to_owned() }
    }

    #[test]
    fn a_connection_that_fails_explains_what_else_fails() {
        let condition = Condition::default();
        condition.fails("book", Aspect::Membership, fault(Kind::Pending, "not joined"));
        assert_eq!(condition.check(), Err("not joined".to_owned()));
        condition.fails("producer", Aspect::Connection, fault(Kind::Unreachable, "refused"));
        assert_eq!(condition.check(), Err("refused".to_owned()));
        condition.works("producer", Aspect::Connection);
        condition.works("book", Aspect::Membership);
        assert_eq!(condition.check(), Ok(()));
    }

    #[test]
    fn what_one_client_has_found_to_work_may_fail_for_another() {
        let condition = Condition::default();
        for client in ["producer", "book"] {
            condition.fails(client, Aspect::Connection, fault(Kind::Unreachable, "refused"));
        }
        condition.works("book", Aspect::Connection);
        assert!(condition.has_failed("producer", Aspect::Connection));
        assert!(condition.check().is_err());
    }
}
