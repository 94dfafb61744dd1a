//! Prints the output of the commands, escapes text from data, and reports write errors.
//!
//! Rows, events and answers contain text that customers typed. On a terminal, a control character can
//! overwrite earlier output, and an invisible or bidirectional one can make a text look like another. Such
//! characters are printed as escapes.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use telemetry::chain;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Standard output failed for another reason than a closed reader: the disk is full, for example.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub struct OutputError(#[from] io::Error);

/// Prints `text` and a line break. Escape text from data before with [`printable`], [`printable_lines`] or
/// [`printable_json`].
///
/// # Errors
///
/// [`OutputError`], except if the reader has closed the pipe, as `head` does after its last line.
pub fn print(text: &str) -> Result<(), OutputError> {
    print_to_reader(text).map(|_is_read| ())
}

/// Like [`print()`]; returns false if the reader has closed the pipe.
///
/// # Errors
///
/// As [`print()`].
pub fn print_to_reader(text: &str) -> Result<bool, OutputError> {
    write(io::stdout(), text)
}

/// Prints why a command failed, and returns its exit code.
pub fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    // `eprintln!` would panic on a closed terminal.
    let _ = writeln!(io::stderr(), "marquee: {}", printable_lines(&chain(error)));
    ExitCode::FAILURE
}

/// Formats a count with its noun: `1 booking`, `2 bookings`.
pub fn counted(count: i64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

fn write(mut out: impl Write, text: &str) -> Result<bool, OutputError> {
    // One write: if only the line break failed, the line would look complete.
    let written = out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if !is_closed(&error) => Err(error.into()),
        written => Ok(written.is_ok()),
    }
}

/// Returns true if the reader has closed the pipe or the terminal.
pub fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// Prints help and version on standard output, and errors of the command line on standard error. Returns the
/// exit code of the process, which is `wrong` for such an error.
pub fn report_usage(error: &clap::Error, wrong: u8) -> ExitCode {
    let printed = error.print().and_then(|()| io::stdout().flush());
    match printed {
        // If standard error fails, the exit code alone reports it.
        _ if error.use_stderr() => ExitCode::from(wrong),
        Err(error) if !is_closed(&error) => fail(&OutputError(error)),
        _ => ExitCode::SUCCESS,
    }
}

/// Puts `text` on one line, with control characters and invisible ones escaped: `\n`, `\u{202e}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_unsafe, |character, shown| shown.extend(character.escape_default()))
}

/// Like [`printable`], but keeps line breaks and tabs.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    let is_unsafe = |character| !matches!(character, '\n' | '\t') && is_unsafe(character);
    escaped(text, is_unsafe, |character, shown| shown.extend(character.escape_default()))
}

/// Escapes such characters in a JSON text the way JSON does, so that its meaning stays the same: `\u202e`.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    // Line breaks within strings are already escaped; the others only format the JSON.
    let is_unsafe = |character| character != '\n' && is_unsafe(character);
    escaped(json, is_unsafe, |character, shown| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(shown, "\\u{unit:04x}").expect("a String takes everything");
        }
    })
}

fn escaped(text: &str, is_unsafe: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let Some(first) = text.find(&is_unsafe) else {
        return Cow::Borrowed(text);
    };
    let mut shown = String::with_capacity(text.len() + 16);
    shown.push_str(&text[..first]);
    for character in text[first..].chars() {
        if is_unsafe(character) {
            escape(character, &mut shown);
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn is_unsafe(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    is_invisible_letter_or_mark(character)
        || matches!(
            character.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
}

/// Returns true for letters, marks and reserved characters that Unicode calls default-ignorable: joiners,
/// fillers, variation selectors.
fn is_invisible_letter_or_mark(character: char) -> bool {
    matches!(
        character,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2065}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Escape, delete, C1's CSI, right-to-left override, zero-width space and joiner, byte-order mark, line
    /// separator, variation selector, Hangul filler, tag.
    const HOSTILE: [char; 11] = [
        '\u{1b}',
        '\u{7f}',
        '\u{9b}',
        '\u{202e}',
        '\u{200b}',
        '\u{200d}',
        '\u{feff}',
        '\u{2028}',
        '\u{fe0f}',
        '\u{3164}',
        '\u{e0041}',
    ];

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        for character in HOSTILE {
            let escape = format!("\\u{{{:x}}}", u32::from(character));
            assert_eq!(printable(&format!("a{character}b")), format!("a{escape}b"));
            assert_eq!(printable_lines(&format!("a{character}\nb")), format!("a{escape}\nb"));
        }
        assert_eq!(printable("two\nlines\tand\rmore"), r"two\nlines\tand\rmore");
        assert_eq!(printable_lines("two\nlines\tand\rmore"), "two\nlines\tand\\rmore");
    }

    #[test]
    fn readable_text_is_unchanged() {
        for text in ["", "soul 1A,2B", "영화 예매", "한글", "Lumière", "e\u{301}", "映画「夜」", "🎬", "שלום"]
        {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn escaped_json_keeps_its_meaning() {
        let hostile: String = HOSTILE.iter().collect();
        let value = json!({ "movieName": hostile, "plain": "한글\n" });
        let pretty = format!("{value:#}");
        let shown = printable_json(&pretty);
        assert!(!shown.chars().any(|character| HOSTILE.contains(&character)), "{shown}");
        assert_eq!(shown.lines().count(), pretty.lines().count());
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn closed_pipe_is_ignored_and_full_disk_is_an_error() {
        assert!(!write(Broken(io::ErrorKind::BrokenPipe), "line").unwrap());
        assert!(write(io::sink(), "line").unwrap());
        assert!(write(Broken(io::ErrorKind::StorageFull), "line").is_err());
    }
}
