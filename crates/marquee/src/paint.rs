//! Color for output on a terminal, unless `NO_COLOR` is set.

use std::fmt::Display;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// Colors text if the stream is a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    colored: bool,
}

pub const GOOD: Style = AnsiColor::Green.on_default().bold();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const HEADING: Style = Style::new().bold();
pub const REQUEST: Style = AnsiColor::Cyan.on_default();
pub const QUIET: Style = Style::new().dimmed();

impl Paint {
    pub fn for_stream(stream: &impl RawStream) -> Self {
        Self { colored: AutoStream::choice(stream) != ColorChoice::Never }
    }

    /// Never colors.
    pub fn none() -> Self {
        Self { colored: false }
    }

    pub fn text(self, style: Style, text: impl Display) -> String {
        if self.colored { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}
