//! Colour, where there is a terminal to show it and nobody asked for none (`NO_COLOR`).

use std::fmt::Display;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// Whether one stream of this process gets colour.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    coloured: bool,
}

pub const GOOD: Style = AnsiColor::Green.on_default().bold();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const HEADING: Style = Style::new().bold();
pub const REQUEST: Style = AnsiColor::Cyan.on_default();
pub const QUIET: Style = Style::new().dimmed();

impl Paint {
    pub fn for_stream(stream: &impl RawStream) -> Self {
        Self { coloured: AutoStream::choice(stream) != ColorChoice::Never }
    }

    /// Without colour.
    pub fn none() -> Self {
        Self { coloured: false }
    }

    pub fn text(self, style: Style, text: impl Display) -> String {
        if self.coloured { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}
