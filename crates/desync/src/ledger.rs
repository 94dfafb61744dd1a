//! Records what the upstream received.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use crate::plan::Plan;

/// Maximum number of recorded violations. The first ones are the most useful.
const VIOLATIONS_MAX: usize = 20;

/// What the upstream received of the exchanges of a plan.
#[derive(Debug)]
pub struct Ledger {
    pub plan: Arc<Plan>,
    seen: Vec<Seen>,
    violations: Mutex<Vec<String>>,
    pub connections: AtomicUsize,
    /// How often the upstream did something that can make the next request on a connection fail.
    pub treacheries: AtomicUsize,
    /// Number of a gateway's own requests for descriptions.
    pub documents: AtomicUsize,
}

/// What the upstream received of one exchange.
#[derive(Debug, Default)]
struct Seen {
    heads: AtomicUsize,
    whole: AtomicUsize,
    /// The mark of the answer.
    mark: Mutex<Option<String>>,
}

impl Ledger {
    pub fn new(plan: Arc<Plan>) -> Arc<Self> {
        let seen = (0..plan.exchanges.len()).map(|_| Seen::default()).collect();
        Arc::new(Self {
            plan,
            seen,
            violations: Mutex::default(),
            connections: AtomicUsize::new(0),
            treacheries: AtomicUsize::new(0),
            documents: AtomicUsize::new(0),
        })
    }

    pub fn violation(&self, what: String) {
        let mut violations = self.violations.lock().unwrap();
        if violations.len() < VIOLATIONS_MAX {
            violations.push(what);
        }
    }

    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.violations.lock().unwrap())
    }

    /// Records the head of exchange `index`, whose answer will carry `mark`.
    pub fn head(&self, index: usize, mark: &str) {
        self.seen[index].heads.fetch_add(1, SeqCst);
        *self.seen[index].mark.lock().unwrap() = Some(mark.to_owned());
    }

    pub fn whole(&self, index: usize) {
        self.seen[index].whole.fetch_add(1, SeqCst);
    }

    pub fn heads(&self, index: usize) -> usize {
        self.seen[index].heads.load(SeqCst)
    }

    pub fn wholes(&self, index: usize) -> usize {
        self.seen[index].whole.load(SeqCst)
    }

    pub fn mark(&self, index: usize) -> Option<String> {
        self.seen[index].mark.lock().unwrap().clone()
    }
}
