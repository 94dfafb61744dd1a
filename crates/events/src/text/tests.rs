//! Spellings, keys, and characters that names must not contain.

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
    for (one, other) in [("ı", "i"), ("기생충", "기생"), ("soul", "sou1"), ("a b", "ab"), ("é", "e")] {
        assert_ne!(key(one), key(other));
    }
}

#[test]
fn invisible_characters_are_rejected_and_named() {
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
        for text in
            [format!("so{letter}ul"), format!("{letter}soul"), format!("soul{letter}"), letter.to_string()]
        {
            assert_eq!(refused(&text), Some(letter), "U+{:04X}", u32::from(letter));
        }
        assert_eq!(stored_key(&format!("So{letter}ul ")), "soul");
    }
    let error = Name::parse("so\u{200b}ul", NAME_MAX).unwrap_err().to_string();
    assert_eq!(error, "must not contain the character U+200B, which is invisible");
}

#[test]
fn blanks_and_undefined_characters_are_rejected_and_named() {
    for (letter, why) in [
        ('\u{2800}', "is invisible"),
        ('\u{1d159}', "is invisible"),
        ('\u{13441}', "is invisible"),
        ('\u{fffc}', "is unassigned or for private use"),
        ('\u{fffd}', "is unassigned or for private use"),
        ('\u{fdd0}', "is unassigned or for private use"),
        ('\u{ffff}', "is unassigned or for private use"),
        ('\u{10fffe}', "is unassigned or for private use"),
        ('\u{e000}', "is unassigned or for private use"),
        ('\u{f8ff}', "is unassigned or for private use"),
        ('\u{100000}', "is unassigned or for private use"),
        ('\u{378}', "is unassigned or for private use"),
        ('\u{50000}', "is unassigned or for private use"),
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
fn key_of_a_stored_name_is_unchanged() {
    for stored in ["so\u{2800}ul", "so\u{e000}ul", "so\u{fffc}ul", "so\u{378}ul"] {
        assert_eq!(stored_key(&stored.to_uppercase()), stored);
        assert_eq!(Name::stored(stored.to_owned()).key(), stored);
        assert_eq!(request_key(&stored.to_uppercase()), stored);
    }
    assert_eq!(request_key("So\u{200b}ul"), "So\u{200b}ul");
}

#[test]
fn blank_or_too_long_name_is_rejected() {
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
fn spelling_is_preserved() {
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
        // Composing and folding add no character that is rejected.
        let added = key.chars().find(|other| *other != letter && refusal(*other).is_some());
        assert_eq!(added, None, "U+{:04X}", u32::from(letter));
        assert_eq!(key.chars().find(|letter| is_invisible(*letter)), None, "U+{:04X}", u32::from(letter));
    }
}

/// Generates texts with many letters that fold, compose, reorder or vanish.
fn letters() -> impl Strategy<Value = String> {
    let tricky = prop::sample::select(vec![
        'A', 'a', 'ß', 'ẞ', 'ı', 'İ', 'Σ', 'ς', 'ﬃ', 'ŉ', 'ǰ', 'ΐ', 'ᾳ', 'ᾼ', '\u{345}', '\u{301}',
        '\u{308}', '\u{307}', '\u{323}', '\u{3099}', 'ｶ', 'ﾞ', '가', '\u{1100}', '\u{1161}', '\u{11a8}',
        '\u{a0}', '\u{a8}', '\u{200b}', 'ﷺ', '\u{ffa0}', '\u{1f82}', '\u{fb03}', '\u{2126}', 'Å', '\u{212b}',
        '\u{13a0}', '\u{ab70}', ' ', '\n', '，', ',',
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
        // Composed first, because folding moves a loose U+0345 before marks that belong in front of it.
        let folded = CASES.fold_string(&nfkc(&text)).into_owned();
        if let Ok(name) = Name::parse(&text, NAME_MAX) {
            prop_assert_eq!(stored_key(&folded), name.key());
        }
    }
}
