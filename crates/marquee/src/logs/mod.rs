//! `marquee logs`: prints the log files of all processes for people, merged by time.
//!
//! # Layout
//!
//! - `source`: reads the log files of one process, line by line.
//! - `of_booking`: selects the lines of one booking.

mod of_booking;
mod source;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use telemetry::{Colors, readable};
use tokio::time::sleep;

use crate::data_dir::{DEFAULT_DATA_DIR, DataDir, DataDirError};
use crate::fleet::Process;
use crate::output::{OutputError, print_to_reader, printable};
use crate::paint::{self, Paint};
use crate::runtime;
use of_booking::OfBooking;
use source::{Entry, Source};

/// How often `--follow` reads new lines. A line is printed with the next reading, so that a line of another
/// process that is written a little later, but is older, comes before it.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);
/// Size of the text that is printed at once.
const PAGE_BYTES: usize = 64 * 1024;

/// Which lines to print.
#[derive(clap::Args, Clone, Debug)]
pub struct Plan {
    /// Prints only the lines of these processes.
    #[arg(value_name = "SERVICE")]
    pub services: Vec<Process>,

    /// Prints only the lines about this booking: of its requests, in every process, and of its events.
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub booking: Option<i64>,

    /// Goes on printing new lines until Ctrl-C.
    #[arg(long, short)]
    pub follow: bool,

    /// Data directory of the fleet.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    pub data_dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum LogsError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("cannot read a log file")]
    Unreadable(#[from] io::Error),
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub fn run(plan: &Plan) -> ExitCode {
    runtime::run(runtime::one_thread(), print_lines(plan))
}

async fn print_lines(plan: &Plan) -> Result<(), LogsError> {
    let data_dir = DataDir::open_existing(&plan.data_dir)?;
    let mut view = View { of: plan.booking.map(OfBooking::new), paint: Paint::for_stream(&io::stdout()) };
    if let Some(of) = &mut view.of {
        // A line that names no booking is about one if its trace is, in the lines of another process.
        for mut source in sources(&data_dir, &Process::ALL) {
            while let Some(entry) = source.next_line()? {
                of.learn(&entry.text);
            }
        }
    }
    let all = Process::ALL;
    let selected = if plan.services.is_empty() { all.as_slice() } else { plan.services.as_slice() };
    let mut sources = sources(&data_dir, selected);
    if view.print_merged(&mut sources)? && plan.follow {
        view.follow(&mut sources).await?;
    }
    Ok(())
}

fn sources(data_dir: &DataDir, processes: &[Process]) -> Vec<Source> {
    let in_order = Process::ALL.into_iter().filter(|process| processes.contains(process));
    in_order.map(|process| Source::new(process, data_dir.log_file(process.name()))).collect()
}

struct View {
    of: Option<OfBooking>,
    paint: Paint,
}

impl View {
    /// Prints all lines that are written by now. Returns false if nobody reads them any more.
    fn print_merged(&self, sources: &mut [Source]) -> Result<bool, LogsError> {
        let mut heads = Vec::with_capacity(sources.len());
        for source in &mut *sources {
            heads.push(source.next_line()?);
        }
        let mut page = String::new();
        let earliest = |heads: &[Option<Entry>]| {
            let heads = heads.iter().enumerate().filter_map(|(index, head)| Some((head.as_ref()?.at, index)));
            heads.min().map(|(_, index)| index)
        };
        while let Some(index) = earliest(&heads) {
            let next = sources[index].next_line()?;
            if let Some(entry) = std::mem::replace(&mut heads[index], next) {
                self.add(&entry, &mut page);
            }
            if page.len() >= PAGE_BYTES && !print_page(&mut page)? {
                return Ok(false);
            }
        }
        print_page(&mut page)
    }

    /// Prints new lines until nobody reads them any more.
    async fn follow(&mut self, sources: &mut [Source]) -> Result<(), LogsError> {
        let mut held: Vec<Entry> = Vec::new();
        loop {
            sleep(FOLLOW_INTERVAL).await;
            let horizon = held.iter().map(|entry| entry.at).max();
            for source in &mut *sources {
                while let Some(entry) = source.next_line()? {
                    if let Some(of) = &mut self.of {
                        of.learn(&entry.text);
                    }
                    held.push(entry);
                }
            }
            held.sort_by_key(|entry| entry.at);
            let due = held.partition_point(|entry| Some(entry.at) <= horizon);
            let mut page = String::new();
            for entry in held.drain(..due) {
                self.add(&entry, &mut page);
            }
            if !print_page(&mut page)? {
                return Ok(());
            }
        }
    }

    fn add(&self, entry: &Entry, page: &mut String) {
        if self.of.as_ref().is_some_and(|of| !of.selects(&entry.text)) {
            return;
        }
        let style = paint::of(entry.process);
        let name = entry.process.name();
        page.push_str(&self.paint.text(style, format_args!("{name:width$} |", width = paint::NAME_WIDTH)));
        page.push(' ');
        page.push_str(&printable(readable(&entry.text, Colors::Off).trim_end_matches('\n')));
        page.push('\n');
    }
}

/// Prints `page`, and empties it. Returns false if nobody reads it any more.
fn print_page(page: &mut String) -> Result<bool, LogsError> {
    if page.is_empty() {
        return Ok(true);
    }
    let is_read = print_to_reader(page.trim_end_matches('\n'))?;
    page.clear();
    Ok(is_read)
}
