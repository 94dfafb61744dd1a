//! Color for output on a terminal, unless `NO_COLOR` is set.

use std::fmt::Display;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::fleet::Process;

/// Colors text if the stream is a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    colored: bool,
}

/// The length of the longest name of a process, `processor`.
pub const NAME_WIDTH: usize = 9;

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

/// The color of the lines of a process.
pub fn of(process: Process) -> Style {
    let color = match process {
        Process::Gateway => AnsiColor::Blue,
        Process::Book => AnsiColor::Green,
        Process::Processor => AnsiColor::BrightYellow,
        Process::Payment => AnsiColor::Yellow,
        Process::Mypage => AnsiColor::Magenta,
        Process::Ticket => AnsiColor::Cyan,
        Process::Point => AnsiColor::BrightBlue,
    };
    color.on_default()
}
