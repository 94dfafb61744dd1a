//! The numbers that `Tx::lock` takes in this service's database, within the rules of [`storage::locks`].
//!
//! The numbers from 1 are customers: the id of the customer whose share of a screening is checked. The
//! largest numbers are tasks of the whole service. A customer with such an id waits for a task now and then,
//! which is harmless: no transaction takes the lock of a customer and that of a task.

/// Counting all held bookings.
pub const ALL_HELD: i64 = i64::MAX;
/// Announcing the demo program.
pub const DEMO_PROGRAM: i64 = i64::MAX - 1;
/// Adding keys to rows of earlier versions.
pub const UPGRADE: i64 = i64::MAX - 2;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_task_has_a_lock_of_its_own() {
        assert_eq!(BTreeSet::from([ALL_HELD, DEMO_PROGRAM, UPGRADE]).len(), 3);
    }
}
