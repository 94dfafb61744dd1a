//! Idempotency keys: how long a client's name for a request stands for that request.
//!
//! The migrations of the service that uses them create the tables `request_keys` and `idempotency_keys`.

use std::time::Duration;

use crate::{Prune, prune};

/// How long a key stands for its request.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// Deletes keys after a day, and those in the older `idempotency_keys`, which processes of an earlier version wrote.
pub const PRUNED: [Prune; 2] = [
    prune!("request_keys", place: "created_at", since: "created_at", kept_for: KEPT_FOR),
    prune!("idempotency_keys", place: "created_at", since: "created_at", kept_for: KEPT_FOR),
];
