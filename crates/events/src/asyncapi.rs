//! The description of the topics and of all events, in AsyncAPI 3.
//!
//! The tests generate it from the catalog and from the golden files, so the program itself contains only the
//! text.

/// The description as JSON.
pub const ASYNCAPI: &str = include_str!("../asyncapi.json");

#[cfg(test)]
mod tests;
