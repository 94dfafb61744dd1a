//! The view in SQL: a table of bookings and a table of their timelines, which are read together. Each exists
//! twice: one is shown, the other is the shadow that a rebuild writes.

#[macro_use]
mod columns;
pub mod mypages;
pub mod rebuilds;
pub mod shadow;
pub mod stories;
pub mod timeline;

/// The pair of tables that a statement writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The tables that customers see.
    Shown,
    /// The tables that a rebuild writes.
    Shadow,
}

impl View {
    fn mypages(self) -> &'static str {
        match self {
            Self::Shown => "mypages",
            Self::Shadow => "mypages_shadow",
        }
    }

    fn timeline(self) -> &'static str {
        match self {
            Self::Shown => "timeline",
            Self::Shadow => "timeline_shadow",
        }
    }
}
