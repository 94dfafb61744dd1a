//! Statuses: closed sets of words that stand in answers, events and databases as they are spelled here.

/// Text that names no status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no status is called {0:?}")]
pub struct UnknownStatus(pub String);

/// Declares an enum of statuses with their words: written by `Display`, read by `FromStr`.
#[macro_export]
macro_rules! statuses {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$status_doc:meta])* $status:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$status_doc])* $status,)* }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(match self { $(Self::$status => $word,)* })
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::UnknownStatus;

            fn from_str(word: &str) -> ::std::result::Result<Self, $crate::UnknownStatus> {
                match word {
                    $($word => Ok(Self::$status),)*
                    _ => Err($crate::UnknownStatus(word.to_owned())),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::UnknownStatus;

    statuses! {
        /// An example.
        pub enum Light {
            Red = "Red",
            Amber = "Red and Amber",
        }
    }

    #[test]
    fn every_status_reads_back_as_it_is_written() {
        for light in [Light::Red, Light::Amber] {
            assert_eq!(light.to_string().parse(), Ok(light));
        }
        assert_eq!(Light::Amber.to_string(), "Red and Amber");
    }

    #[test]
    fn a_word_that_names_no_status_is_refused() {
        assert_eq!("red".parse::<Light>(), Err(UnknownStatus("red".to_owned())));
    }
}
