//! The whole fleet on one machine: start it, walk through it, load it.
//!
//! # Layout
//!
//! - [`cli`]: the commands and their flags.
//! - [`fleet`]: which processes there are, on which ports, over which files, with which flags. The one place that knows.
//! - [`data_dir`]: the data directory: locks, process ids, databases, logs.
//! - [`service`]: `marquee service <name>` becomes one of the processes.
//! - [`up`]: `marquee up` starts them all as children of itself and stays with them.
//! - [`mark`]: the mark of a restore that is not complete.
//! - [`target`]: a fleet that runs already.
//! - [`metrics_text`]: reads the text of `/metrics`.
//! - [`rest`]: a client of the fleet's REST interface, for the two below.
//! - [`demo`]: `marquee demo` walks the whole scenario and checks every answer.
//! - [`load`]: `marquee load` books from many clients at once and checks what came of it.
//! - [`audit`]: `marquee audit` compares what all services keep of every booking.
//! - [`backup`]: `marquee backup` copies one state of all databases, while the fleet runs.
//! - [`restore`]: `marquee restore` brings such a state back, and reconciles it with the payment provider.
//! - [`dlq`]: `marquee dlq` looks at the events that could not be applied, and sends them again.
//! - [`output`]: printing, with text from data made safe for a terminal.
//! - [`paint`]: color on a terminal.

pub mod audit;
pub mod backup;
pub mod cli;
pub mod data_dir;
pub mod demo;
pub mod dlq;
pub mod fleet;
pub mod load;
pub mod mark;
pub mod metrics_text;
pub mod output;
pub mod paint;
pub mod rest;
pub mod restore;
pub mod service;
pub mod target;
pub mod up;
