//! Formats commands to paste into a shell.

use std::ffi::OsString;

/// Quotes the words of a command for a shell.
pub fn shell(words: &[OsString]) -> String {
    let quoted = words.iter().map(|word| {
        let word = word.to_string_lossy();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
        if !word.is_empty() && word.bytes().all(plain) {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_special_characters_are_quoted() {
        let words = ["marquee", "--data-dir", "my data", "it's"].map(OsString::from);
        assert_eq!(shell(&words), r"marquee --data-dir 'my data' 'it'\''s'");
    }
}
