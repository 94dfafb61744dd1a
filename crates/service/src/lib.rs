//! Code shared by the services with a database: the layer between HTTP and the database.
//!
//! # Layout
//!
//! - [`refusal`]: the error of every handler, a problem or a failure of the database.
//! - [`pages`]: collections in pages.
//! - [`health`]: a service is ready while its database responds.
//! - [`connections`]: measures the connections to the database.

pub mod connections;
pub mod health;
pub mod pages;
pub mod refusal;

pub use refusal::Refusal;
