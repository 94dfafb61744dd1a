//! Names, and the normal form in which they are compared.
//!
//! The name of a movie, a seat or a theatre has many spellings that look alike: with other white space, in
//! capitals, in full width, composed or decomposed. Two spellings are the same name if their keys are equal.
//! A key is derived in these steps:
//!
//! 1. All white space, including line breaks, is trimmed and collapsed to single blanks.
//! 2. The text is normalized to NFKC, and white space is collapsed again, because some characters become
//!    blanks.
//! 3. Characters that cannot be seen or distinguished are rejected: control, format and other
//!    default-ignorable characters, blanks that Unicode does not count as white space (U+2800), private-use
//!    and unassigned characters, and U+FFFC and U+FFFD, which replace something else.
//! 4. The text is case-folded by Unicode's full folding, without rules of a language, and normalized to NFKC
//!    again, until nothing changes.
//!
//! Emoji with U+FE0F or joiners contain such characters and are rejected too.

use std::borrow::Cow;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Maximum length of the name of a movie, a theatre, a hall, a row or a price class, in characters.
pub const NAME_MAX: usize = 200;
/// Maximum number of rounds of folding and normalizing. At most one repetition is known to change the text.
const ROUNDS: usize = 4;

const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();
const CASES: CaseMapperBorrowed<'static> = CaseMapper::new();

/// A name: its original spelling, and the key by which it is compared, stored and looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    spelling: String,
    key: String,
}

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    #[error("must not be blank")]
    Blank,
    #[error("must have at most {0} characters")]
    TooLong(usize),
    #[error("must not contain the character U+{:04X}, which is invisible", u32::from(*.0))]
    Invisible(char),
    #[error("must not contain the character U+{:04X}, which is unassigned or for private use", u32::from(*.0))]
    Undefined(char),
}

/// Characters that look blank, although Unicode counts them neither as white space nor as ignorable: the
/// empty Braille pattern, the null note head, fillers of Khitan and of Egyptian hieroglyphs.
const BLANKS: [char; 5] = ['\u{2800}', '\u{1d159}', '\u{16fe4}', '\u{13441}', '\u{13442}'];
/// Characters that replace an object or a lost character.
const REPLACEMENTS: [char; 2] = ['\u{fffc}', '\u{fffd}'];

impl Name {
    /// Parses a name whose spelling and key have at most `max` characters.
    ///
    /// # Errors
    ///
    /// If the text is blank or too long, or contains a character that cannot be seen or has no meaning.
    pub fn parse(text: &str, max: usize) -> Result<Self, NotAName> {
        if text.chars().nth(max).is_some() {
            return Err(NotAName::TooLong(max));
        }
        // Checks the original text, so that the error names its character, and the composed one, which may
        // contain others.
        let composed = composed(text);
        if let Some(refused) = text.chars().chain(composed.chars()).find_map(refusal) {
            return Err(refused);
        }
        if composed.is_empty() {
            return Err(NotAName::Blank);
        }
        let key = folded(composed);
        if key.chars().nth(max).is_some() {
            return Err(NotAName::TooLong(max));
        }
        Ok(Self { spelling: text.to_owned(), key })
    }

    /// Returns a stored name, which may be older than these rules. Its key omits characters that cannot be
    /// seen.
    pub fn stored(spelling: String) -> Self {
        let key = stored_key(&spelling);
        Self { spelling, key }
    }

    /// Returns the original spelling.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// Returns the key, which is equal for all spellings of a name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the key in capitals, for names that are shown in one form, such as `1A`. Equal keys have equal
    /// capitals.
    pub fn capitals(&self) -> String {
        capitals(&self.key)
    }
}

/// Returns the key of any text. Omits characters that cannot be seen.
pub fn stored_key(text: &str) -> String {
    let visible: String = text.chars().filter(|letter| !is_invisible(*letter)).collect();
    folded(composed(&visible))
}

/// Returns `key` in capitals.
pub fn capitals(key: &str) -> String {
    NFKC.normalize(&key.to_uppercase()).into_owned()
}

/// Returns the [capitals](Name::capitals) of any text. Omits characters that cannot be seen.
pub fn stored_capitals(text: &str) -> String {
    capitals(&stored_key(text))
}

/// Normalizes `text` to NFKC, so that commas of every width are found in a list.
pub fn nfkc(text: &str) -> Cow<'_, str> {
    NFKC.normalize(text)
}

/// Returns the key by which the texts of two requests are compared: the key of the name, or the text itself
/// if it contains characters that cannot be seen.
pub fn request_key(text: &str) -> String {
    let composed = composed(text);
    if text.chars().chain(composed.chars()).any(is_invisible) { text.to_owned() } else { folded(composed) }
}

/// Returns the error for a character that a name must not contain.
fn refusal(letter: char) -> Option<NotAName> {
    let undefined = [GeneralCategory::PrivateUse, GeneralCategory::Unassigned];
    if is_invisible(letter) || BLANKS.contains(&letter) {
        Some(NotAName::Invisible(letter))
    } else if undefined.contains(&category(letter)) || REPLACEMENTS.contains(&letter) {
        Some(NotAName::Undefined(letter))
    } else {
        None
    }
}

fn category(letter: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(letter)
}

/// Whether a character is a control, format or default-ignorable character. Line breaks and tabs count as
/// white space instead.
///
/// The keys of stored names omit exactly these characters. Changing this function would change stored keys.
fn is_invisible(letter: char) -> bool {
    let category = category(letter);
    let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(letter);
    let is_control = matches!(category, GeneralCategory::Control | GeneralCategory::Format);
    !letter.is_whitespace() && (is_control || is_ignorable)
}

fn composed(text: &str) -> String {
    collapsed(&NFKC.normalize(&collapsed(text)))
}

fn folded(composed: String) -> String {
    let mut key = composed;
    for _ in 0..ROUNDS {
        let next = collapsed(&NFKC.normalize(&CASES.fold_string(&key)));
        if next == key {
            break;
        }
        key = next;
    }
    key
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
