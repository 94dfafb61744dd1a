//! Aborts at a named gap between two durable steps, so that tests can show that a crash there loses nothing.
//!
//! A process that is built with the feature `crash-points` and started with `MARQUEE_CRASH_AT=<name>` (or
//! `<name>:<n>`) aborts when it reaches that gap (for the n-th time). Without the feature, the binary
//! contains none of this.

/// Marks the gap `name`.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub fn point(_name: &'static str) {}

/// Marks the gap `name`: the process aborts here if `MARQUEE_CRASH_AT` names it.
#[cfg(feature = "crash-points")]
pub fn point(name: &'static str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static ARMED: LazyLock<Option<(String, AtomicU32)>> = LazyLock::new(|| {
        let text = std::env::var("MARQUEE_CRASH_AT").ok()?;
        let (name, nth) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), AtomicU32::new(nth.parse().expect("MARQUEE_CRASH_AT is <name>:<number>"))))
    });
    if let Some((armed, left)) = ARMED.as_ref()
        && armed == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        eprintln!("aborts at {name}, as MARQUEE_CRASH_AT says");
        std::process::abort();
    }
}
