//! Statuses: enums whose text is the same in responses, events and databases.
//!
//! Each derives `Display` and `EnumString` of strum, and [`UnknownStatus`] is the error of its `FromStr`. The
//! text is the variant's name unless the enum says otherwise, so to rename a variant is to change what is
//! stored and published.

/// A text that is not a status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown status {0:?}")]
pub struct UnknownStatus(pub String);

impl From<&str> for UnknownStatus {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use strum::{Display, EnumString};

    use super::UnknownStatus;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString)]
    #[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
    enum Light {
        Red,
        #[strum(serialize = "Red and Amber")]
        Amber,
    }

    #[test]
    fn status_is_read_back_from_its_text() {
        for light in [Light::Red, Light::Amber] {
            assert_eq!(light.to_string().parse(), Ok(light));
        }
        assert_eq!(Light::Amber.to_string(), "Red and Amber");
    }

    #[test]
    fn unknown_text_is_rejected_and_named_in_the_error() {
        assert_eq!("red".parse::<Light>(), Err(UnknownStatus("red".to_owned())));
    }

    #[test]
    fn status_is_padded_to_the_width_of_its_column() {
        assert_eq!(format!("{:>4}|{:<4}|", Light::Red, Light::Red), " Red|Red |");
    }
}
