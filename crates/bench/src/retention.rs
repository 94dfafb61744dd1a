//! Old rows deleted per second while a consumer writes, compared with the consumer alone.

use std::time::{Duration, Instant};

use messaging::{inbox, retention};
use storage::{Db, Settings, query};
use tempfile::TempDir;

use crate::Outcome;
use crate::servers::Servers;
use crate::stats::{Runs, print_table};

/// Number of events that a consumer records in one transaction.
const EVENTS: u64 = 200;
/// Duration for which the consumer writes alone.
const ALONE: Duration = Duration::from_secs(3);

#[derive(clap::Args, Debug)]
pub struct Plan {
    /// Number of expired rows in the inbox.
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(10_000..=10_000_000))]
    rows: u64,

    /// Number of runs of each side, in turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
}

#[derive(Default)]
struct Side {
    deleted: Runs,
    written: Runs,
    alone: Runs,
    /// Number of events written so far.
    events: u64,
}

pub async fn run(plan: &Plan) -> Outcome {
    let servers = Servers::start()?;
    servers.create_database("retention")?;
    let directory = TempDir::new()?;
    let file = format!("sqlite://{}/retention.db", directory.path().display());
    let (file, server) = (open(&file).await?, open(&format!("{}retention", servers.postgres)).await?);
    let mut sides = [("SQLite", file, Side::default()), ("PostgreSQL", server, Side::default())];
    for run in 1..=plan.runs {
        for (name, db, side) in &mut sides {
            side.measure(db, plan.rows).await?;
            eprintln!("run {run} of {}: {name}", plan.runs);
        }
    }
    println!("{} runs with {} expired rows: median (min – max)", plan.runs, plan.rows);
    let rows = sides.map(|(name, _, side)| {
        vec![name.to_owned(), side.deleted.shown(0), side.written.shown(0), side.alone.shown(0)]
    });
    print_table(&["", "rows deleted/s", "rows written/s meanwhile", "rows written/s alone"], &rows);
    Ok(())
}

async fn open(url: &str) -> Outcome<Db> {
    let db = Db::open(&url.parse()?, Settings::default()).await?;
    db.migrate(&[&messaging::MIGRATIONS]).await?;
    Ok(db)
}

impl Side {
    async fn measure(&mut self, db: &Db, due: u64) -> Outcome {
        let (before, began) = (self.events, Instant::now());
        while began.elapsed() < ALONE {
            self.write(db).await?;
        }
        self.alone.add((self.events - before) as f64 / began.elapsed().as_secs_f64());

        fill(db, due).await?;
        let (before, began) = (self.events, Instant::now());
        let pruning = retention::prune(db, &[]);
        tokio::pin!(pruning);
        loop {
            tokio::select! {
                pruned = &mut pruning => break pruned?,
                written = self.write(db) => written?,
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        self.deleted.add(due as f64 / seconds);
        self.written.add((self.events - before) as f64 / seconds);
        Ok(())
    }

    /// Runs a transaction of a consumer, which records its events.
    async fn write(&mut self, db: &Db) -> Outcome {
        let ids: Vec<String> = (self.events..self.events + EVENTS).map(|event| event.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut tx = db.begin().await?;
        inbox::first_times(&mut tx, "bench", &ids).await?;
        tx.commit().await?;
        self.events += EVENTS;
        Ok(())
    }
}

/// Adds rows that expired in 1970, ten per timestamp.
async fn fill(db: &Db, rows: u64) -> Outcome {
    let mut tx = db.begin().await?;
    let insert = query(
        "INSERT INTO inbox (consumer, event_id, seen_at)
         WITH RECURSIVE numbers(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i - 1 FROM numbers WHERE i > 1)
         SELECT 'due', CAST(i AS TEXT), i / 10 FROM numbers",
    );
    tx.execute(insert.bind(i64::try_from(rows)?)).await?;
    tx.commit().await?;
    Ok(())
}
