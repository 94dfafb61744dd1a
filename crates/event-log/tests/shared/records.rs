//! Numbered records of an event log, and reading them: for the tests of the crates that implement or use one.

use event_log::{History, Received, Record, Subscription, last_positions};

/// The number of keys of [`records`].
const KEYS: usize = 7;

pub fn record(key: &str, payload: &str) -> Record {
    Record {
        key: Some(key.to_owned()),
        payload: Some(payload.as_bytes().to_vec()),
        headers: vec![("ce_id".to_owned(), format!("{key}/{payload}"))],
    }
}

pub fn records(numbers: std::ops::Range<usize>) -> Vec<Record> {
    numbers.map(|number| record(&(number % KEYS).to_string(), &number.to_string())).collect()
}

/// Asserts that `numbers` are those of `expected`, each once, and in order for each key of [`records`].
pub fn assert_complete(mut numbers: Vec<usize>, expected: std::ops::Range<usize>) {
    for key in 0..KEYS {
        let own: Vec<_> = numbers.iter().copied().filter(|number| number % KEYS == key).collect();
        assert!(own.is_sorted(), "records of one key keep their order: {own:?}");
    }
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(expected), "each number once: {numbers:?}");
}

/// The number that [`record`] wrote into the payload.
pub fn number(record: &Record) -> usize {
    std::str::from_utf8(record.payload.as_deref().unwrap()).unwrap().parse().unwrap()
}

/// Receives `count` numbers, and commits each batch if `commit`.
pub async fn read(subscription: &mut dyn Subscription, count: usize, commit: bool) -> Vec<usize> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let batch = subscription.receive((count - numbers.len()).min(500)).await.unwrap();
        numbers.extend(batch.iter().map(|received| number(&received.record)));
        if commit {
            for last in last_positions(&batch) {
                subscription.commit(last).await.unwrap();
            }
        }
    }
    numbers
}

/// Reads `history` to its end, at most `max` records at a time.
pub async fn read_all(history: &mut dyn History, max: usize) -> Vec<Received> {
    let mut all = Vec::new();
    loop {
        let batch = history.next(max).await.unwrap();
        assert!(batch.len() <= max);
        if batch.is_empty() {
            return all;
        }
        all.extend(batch);
    }
}
