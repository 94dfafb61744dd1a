//! Tickets in SQL.

pub mod tickets;
