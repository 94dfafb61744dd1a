//! The command line of Marquee: runs the whole fleet on one machine, and tests, audits, saves and restores
//! it.
//!
//! # Layout
//!
//! - [`cli`]: the commands and their flags.
//! - [`fleet`]: the processes of a fleet, with their ports, databases and flags. No other module knows these.
//! - [`data_dir`]: the data directory: locks, process ids, databases, logs.
//! - [`settings`]: the settings that the processes of a data directory were started with.
//! - [`log_file`], [`log_line`]: writes a log file, and reads one line of it.
//! - [`service`]: `marquee service <name>` becomes one of the processes.
//! - [`up`]: `marquee up` runs all processes as its children.
//! - [`status`], [`stop`], [`logs`]: what runs on a data directory, its end, and its log lines.
//! - [`trace`]: what each process did for one booking; the launcher receives the spans.
//! - [`completions`]: completes the commands in a shell.
//! - [`mark`]: the mark of an unfinished restore.
//! - [`target`]: the address of a running fleet.
//! - [`metrics_text`]: reads the text of `/metrics`.
//! - [`rest`]: a client of the fleet's REST interface.
//! - [`demo`]: `marquee demo` walks through the whole scenario and checks every answer.
//! - [`load`]: `marquee load` makes bookings from many clients at once, and checks the results.
//! - [`audit`]: `marquee audit` compares all records of every booking.
//! - [`backup`]: `marquee backup` copies one state of all databases; the fleet may keep running.
//! - [`restore`]: `marquee restore` restores such a state, and reconciles it with the payment provider.
//! - [`dlq`]: `marquee dlq` lists, shows and replays dead letters.
//! - [`runtime`]: runs the asynchronous work of a command.
//! - [`output`]: printing; escapes text from data, so that it is safe on a terminal.
//! - [`paint`]: color on a terminal.
//! - [`shell`]: commands to paste into a shell.

pub mod audit;
pub mod backup;
pub mod cli;
pub mod completions;
pub mod data_dir;
pub mod demo;
pub mod dlq;
pub mod fleet;
pub mod load;
pub mod log_file;
pub mod log_line;
pub mod logs;
pub mod mark;
pub mod metrics_text;
pub mod output;
pub mod paint;
pub mod rest;
pub mod restore;
pub mod runtime;
pub mod service;
pub mod settings;
pub mod shell;
pub mod status;
pub mod stop;
pub mod target;
pub mod trace;
pub mod up;
