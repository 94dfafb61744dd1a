//! The view in SQL: a table for what is, one for how it came to be, and both read as one. There are two of each: the ones
//! that are shown, and the shadow that a rebuild writes.

#[macro_use]
mod columns;
pub mod mypages;
pub mod rebuilds;
pub mod shadow;
pub mod stories;
pub mod timeline;

/// Which of the two is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What customers see.
    Shown,
    /// What a rebuild is making.
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
