//! Names, and the one normal form in which they are compared.
//!
//! People spell a movie, a seat or a theatre in many ways that look the same: with another blank, in capitals, in full
//! width, composed or decomposed. Two spellings name the same thing if their keys are equal. A key is made in this order:
//!
//! 1. White space of every kind, line breaks too, is trimmed and collapsed to one blank.
//! 2. The text is put into NFKC, and its white space is collapsed again, as some letters become blanks.
//! 3. Characters that are left and that nobody can see or tell apart are refused: control, format and other
//!    default-ignorable characters, blanks that Unicode does not count as white space (U+2800), private-use and unassigned
//!    characters, and U+FFFC and U+FFFD, which stand for something else.
//! 4. Full case folding of Unicode, without the rules of a language; then NFKC again, until nothing changes.
//!
//! Emoji with U+FE0F or joiners contain such characters and are refused as well.

use std::borrow::Cow;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Longest name of a movie, a theatre, a hall, a row or a price class, in characters.
pub const NAME_MAX: usize = 200;
/// Folding and composing change each other's outcome once at most; the rest is reserve.
const ROUNDS: usize = 4;

const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();
const CASES: CaseMapperBorrowed<'static> = CaseMapper::new();

/// A name: its spelling as it was sent, and the key by which it is compared, stored and looked up.
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
    #[error("must not contain the character U+{:04X}, which cannot be seen", u32::from(*.0))]
    Invisible(char),
    #[error("must not contain the character U+{:04X}, which has no agreed meaning", u32::from(*.0))]
    Undefined(char),
}

/// Characters that leave a blank where they stand, although Unicode neither counts them as white space nor lets a reader
/// ignore them: the empty Braille pattern, the null note head, fillers of Khitan and of Egyptian hieroglyphs.
const BLANKS: [char; 5] = ['\u{2800}', '\u{1d159}', '\u{16fe4}', '\u{13441}', '\u{13442}'];
/// Characters that stand for an object or for a letter that was lost.
const REPLACEMENTS: [char; 2] = ['\u{fffc}', '\u{fffd}'];

impl Name {
    /// Reads a name of at most `max` characters, in its spelling and in its key.
    ///
    /// # Errors
    ///
    /// When it is blank, too long, or contains a character that cannot be seen.
    pub fn parse(text: &str, max: usize) -> Result<Self, NotAName> {
        if text.chars().nth(max).is_some() {
            return Err(NotAName::TooLong(max));
        }
        // Before and after: the spelling that was sent is the one to name, and composing must not bring in another one.
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

    /// A name that is stored already, perhaps from a time when any text was one. Its key leaves out what cannot be seen.
    pub fn stored(spelling: String) -> Self {
        let key = stored_key(&spelling);
        Self { spelling, key }
    }

    /// As it was sent.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// Equal for all spellings of the same name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key in capitals, for names that are shown in one form, such as `1A`. Equal keys have equal capitals.
    pub fn capitals(&self) -> String {
        capitals(&self.key)
    }
}

/// The key of any text; characters that cannot be seen do not count.
pub fn stored_key(text: &str) -> String {
    let visible: String = text.chars().filter(|letter| !is_invisible(*letter)).collect();
    folded(composed(&visible))
}

/// `key` in capitals.
pub fn capitals(key: &str) -> String {
    NFKC.normalize(&key.to_uppercase()).into_owned()
}

/// As [`Name::capitals`], of any text; characters that cannot be seen do not count.
pub fn stored_capitals(text: &str) -> String {
    capitals(&stored_key(text))
}

/// `text` in NFKC, such as a list whose commas are to be found in every width.
pub fn nfkc(text: &str) -> Cow<'_, str> {
    NFKC.normalize(text)
}

/// A key of any text, by which two requests are compared: that of its name, or the text itself where it has characters that
/// cannot be seen.
pub fn request_key(text: &str) -> String {
    let composed = composed(text);
    if text.chars().chain(composed.chars()).any(is_invisible) { text.to_owned() } else { folded(composed) }
}

/// Why a name cannot have this character, if it cannot.
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

/// Whether a character is a control, format or default-ignorable one. Line breaks and tabs are white space instead.
///
/// The keys of stored names leave out these characters and no others, so that a stored key stays what it is.
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
