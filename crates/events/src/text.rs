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
mod tests {
    use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> String {
        Name::parse(text, NAME_MAX).unwrap().key
    }

    fn refused(text: &str) -> Option<char> {
        match Name::parse(text, NAME_MAX) {
            Err(NotAName::Invisible(letter) | NotAName::Undefined(letter)) => Some(letter),
            _ => None,
        }
    }

    #[test]
    fn spellings_that_look_the_same_have_one_key() {
        for (one, others) in [
            (
                "기생충",
                &[
                    " 기생충\n",
                    "\u{3000}기생충\u{2028}",
                    "\u{1100}\u{1175}\u{1109}\u{1162}\u{11bc}\u{110e}\u{116e}\u{11bc}",
                ][..],
            ),
            (
                "Otter Lake",
                &["otter lake", "OTTER  LAKE", "Otter\u{a0}Lake", "Otter\t\r\nLake", "Ｏｔｔｅｒ　Ｌａｋｅ"],
            ),
            ("1A", &["1a", "１Ａ", "１ａ", "①A"]),
            ("straße", &["STRASSE", "Stra\u{1e9e}e", "strasse"]),
            ("Ὀδυσσεύς", &["ὈΔΥΣΣΕΎΣ", "ὀδυσσεύσ", "Ο\u{313}δυσσευ\u{301}ς"]),
            ("ガンダム", &["ｶﾞﾝﾀﾞﾑ", "カ\u{3099}ンタ\u{3099}ム"]),
            ("Amélie", &["Ame\u{301}lie", "AMÉLIE"]),
            ("file", &["ﬁle", "FILE"]),
            ("K", &["\u{212a}", "k"]),
            ("İ", &["i\u{307}"]),
        ] {
            for other in others {
                assert_eq!(key(one), key(other), "{one} and {other}");
            }
        }
    }

    #[test]
    fn different_names_stay_different() {
        for (one, other) in [("ı", "i"), ("기생충", "기생"), ("soul", "sou1"), ("a b", "ab"), ("é", "e")]
        {
            assert_ne!(key(one), key(other));
        }
    }

    #[test]
    fn characters_that_cannot_be_seen_are_refused_and_named() {
        for letter in [
            '\u{0}',
            '\u{7}',
            '\u{1b}',
            '\u{1f}',
            '\u{7f}',
            '\u{80}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{206f}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
        ] {
            for text in [
                format!("so{letter}ul"),
                format!("{letter}soul"),
                format!("soul{letter}"),
                letter.to_string(),
            ] {
                assert_eq!(refused(&text), Some(letter), "U+{:04X}", u32::from(letter));
            }
            assert_eq!(stored_key(&format!("So{letter}ul ")), "soul");
        }
        let error = Name::parse("so\u{200b}ul", NAME_MAX).unwrap_err().to_string();
        assert_eq!(error, "must not contain the character U+200B, which cannot be seen");
    }

    #[test]
    fn blanks_and_characters_without_a_meaning_are_refused_and_named() {
        for (letter, why) in [
            ('\u{2800}', "cannot be seen"),
            ('\u{1d159}', "cannot be seen"),
            ('\u{13441}', "cannot be seen"),
            ('\u{fffc}', "has no agreed meaning"),
            ('\u{fffd}', "has no agreed meaning"),
            ('\u{fdd0}', "has no agreed meaning"),
            ('\u{ffff}', "has no agreed meaning"),
            ('\u{10fffe}', "has no agreed meaning"),
            ('\u{e000}', "has no agreed meaning"),
            ('\u{f8ff}', "has no agreed meaning"),
            ('\u{100000}', "has no agreed meaning"),
            ('\u{378}', "has no agreed meaning"),
            ('\u{50000}', "has no agreed meaning"),
        ] {
            for text in [format!("so{letter}ul"), letter.to_string(), format!(" {letter}")] {
                let error = Name::parse(&text, NAME_MAX).unwrap_err().to_string();
                let code = u32::from(letter);
                assert_eq!(error, format!("must not contain the character U+{code:04X}, which {why}"));
            }
        }
        for visible in ["\u{2801}", "♪", "★ 1", "😀", "\u{303f}"] {
            assert!(Name::parse(visible, NAME_MAX).is_ok(), "{visible}");
        }
    }

    #[test]
    fn key_of_a_stored_name_stays_what_it_was() {
        for stored in ["so\u{2800}ul", "so\u{e000}ul", "so\u{fffc}ul", "so\u{378}ul"] {
            assert_eq!(stored_key(&stored.to_uppercase()), stored);
            assert_eq!(Name::stored(stored.to_owned()).key(), stored);
            assert_eq!(request_key(&stored.to_uppercase()), stored);
        }
        assert_eq!(request_key("So\u{200b}ul"), "So\u{200b}ul");
    }

    #[test]
    fn name_is_neither_blank_nor_too_long_in_spelling_and_key() {
        for blank in ["", " ", "\n\t", "\u{3000}\u{2003}"] {
            assert_eq!(Name::parse(blank, NAME_MAX), Err(NotAName::Blank));
        }
        assert!(Name::parse("기생충", 3).is_ok());
        assert_eq!(Name::parse("기생충a", 3), Err(NotAName::TooLong(3)));
        assert_eq!(Name::parse("ﷺ", 10), Err(NotAName::TooLong(10)), "18 letters in one");
        assert_eq!(
            Name::parse(&format!("a{}", " ".repeat(NAME_MAX)), NAME_MAX),
            Err(NotAName::TooLong(NAME_MAX))
        );
    }

    #[test]
    fn spelling_is_kept_as_it_was_sent() {
        let name = Name::parse(" Ｓoul\n", NAME_MAX).unwrap();
        assert_eq!((name.spelling(), name.key(), name.capitals().as_str()), (" Ｓoul\n", "soul", "SOUL"));
    }

    #[test]
    fn key_of_every_character_is_stable() {
        for letter in '\0'..=char::MAX {
            let text = letter.to_string();
            let key = stored_key(&text);
            assert_eq!(stored_key(&key), key, "U+{:04X}", u32::from(letter));
            let large = capitals(&key);
            assert_eq!(capitals(&stored_key(&large)), large, "U+{:04X}", u32::from(letter));
            assert_eq!(refused(&text).is_some(), refusal(letter).is_some(), "U+{:04X}", u32::from(letter));
            // Composing and folding bring in nothing that is refused.
            let brought_in = key.chars().find(|other| *other != letter && refusal(*other).is_some());
            assert_eq!(brought_in, None, "U+{:04X}", u32::from(letter));
            assert_eq!(key.chars().find(|letter| is_invisible(*letter)), None, "U+{:04X}", u32::from(letter));
        }
    }

    /// Letters that fold, compose, reorder or vanish, more often than chance would bring them together.
    fn letters() -> impl Strategy<Value = String> {
        let tricky = prop::sample::select(vec![
            'A', 'a', 'ß', 'ẞ', 'ı', 'İ', 'Σ', 'ς', 'ﬃ', 'ŉ', 'ǰ', 'ΐ', 'ᾳ', 'ᾼ', '\u{345}', '\u{301}',
            '\u{308}', '\u{307}', '\u{323}', '\u{3099}', 'ｶ', 'ﾞ', '가', '\u{1100}', '\u{1161}', '\u{11a8}',
            '\u{a0}', '\u{a8}', '\u{200b}', 'ﷺ', '\u{ffa0}', '\u{1f82}', '\u{fb03}', '\u{2126}', 'Å',
            '\u{212b}', '\u{13a0}', '\u{ab70}', ' ', '\n', '，', ',',
        ]);
        prop::collection::vec(prop_oneof![3 => tricky, 1 => any::<char>()], 0..12)
            .prop_map(|letters| letters.into_iter().collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn key_of_a_key_is_the_key(text in letters()) {
            let key = stored_key(&text);
            prop_assert_eq!(stored_key(&key), key.clone());
            if let Ok(name) = Name::parse(&text, NAME_MAX) {
                prop_assert_eq!(name.key(), &key);
                let again = Name::parse(name.key(), NAME_MAX).unwrap();
                prop_assert_eq!(again.key(), &key);
                let large = name.capitals();
                prop_assert_eq!(capitals(&stored_key(&large)), large);
            }
        }

        #[test]
        fn canonically_equivalent_texts_have_one_key(text in letters()) {
            let decomposed = DecomposingNormalizer::new_nfd().normalize(&text).into_owned();
            let composed = ComposingNormalizer::new_nfc().normalize(&text).into_owned();
            prop_assert_eq!(stored_key(&decomposed), stored_key(&text));
            prop_assert_eq!(stored_key(&composed), stored_key(&text));
        }

        #[test]
        fn case_makes_no_difference(text in letters()) {
            // Composed first: folding moves a loose U+0345 before the marks that belong in front of it.
            let folded = CASES.fold_string(&nfkc(&text)).into_owned();
            if let Ok(name) = Name::parse(&text, NAME_MAX) {
                prop_assert_eq!(stored_key(&folded), name.key());
            }
        }
    }
}
