//! Accepts and serves HTTP/1.1 connections, with limits for slow, idle and numerous clients.
//!
//! `axum::serve` does not expose hyper's settings, and without them a client that sends one byte a minute
//! keeps its connection forever. This crate is the same loop with limits. When all connections are taken, an
//! unused or a slow one is closed to make room.
//!
//! # Layout
//!
//! - [`serve()`], [`ConnectionLimits`] (`serve`): the loop that accepts connections, and the task of each
//!   connection.
//! - [`Answers`], [`HeadLimits`] (`answers`): what the loop needs to know about a process.
//! - `registry`: the open connections, and which one is closed to make room for another.
//! - `pace`: what a connection waits for, and for how long its client may keep it waiting.
//! - `unread`: what a handler leaves unread of a request's body.

mod answers;
mod pace;
mod registry;
mod serve;
mod unread;

pub use answers::{Answers, HeadLimits};
pub use serve::{ConnectionLimits, serve};
