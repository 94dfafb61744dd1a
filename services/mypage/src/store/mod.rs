//! The view in SQL: a table for what is, one for how it came to be, and both read as one.

pub mod mypages;
pub mod stories;
pub mod timeline;
