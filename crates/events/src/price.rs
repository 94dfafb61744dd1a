//! Money.

use std::str::FromStr;

/// An amount of money in the smallest unit of the currency; not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Price(i64);

/// A value that is not a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrice {
    #[error("must not be negative")]
    Negative,
    #[error("must be a whole number from 0 to {}", i64::MAX)]
    NotANumber,
}

impl Price {
    /// Creates a price.
    ///
    /// # Errors
    ///
    /// If `price` is negative.
    pub fn parse(price: i64) -> Result<Self, InvalidPrice> {
        if price >= 0 { Ok(Self(price)) } else { Err(InvalidPrice::Negative) }
    }

    pub fn get(self) -> i64 {
        self.0
    }

    /// Returns the sum, or `None` if it exceeds the largest price.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Returns the price of `quantity` places, or `None` if it exceeds the largest price. `quantity` must not
    /// be negative.
    #[must_use]
    pub fn times(self, quantity: i64) -> Option<Self> {
        self.0.checked_mul(quantity).and_then(|price| Self::parse(price).ok())
    }
}

impl FromStr for Price {
    type Err = InvalidPrice;

    fn from_str(text: &str) -> Result<Self, InvalidPrice> {
        let price = text.parse().map_err(|_| InvalidPrice::NotANumber)?;
        Self::parse(price)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(price: i64) -> Price {
        Price::parse(price).unwrap()
    }

    proptest! {
        #[test]
        fn negative_price_is_rejected(amount: i64) {
            prop_assert_eq!(Price::parse(amount).is_ok(), amount >= 0);
            prop_assert_eq!(amount.to_string().parse(), Price::parse(amount));
        }
    }

    #[test]
    fn text_that_is_not_a_whole_number_is_rejected() {
        for text in ["", "1.5", "much", "9223372036854775808"] {
            assert_eq!(text.parse::<Price>(), Err(InvalidPrice::NotANumber), "{text}");
        }
    }

    #[test]
    fn sum_or_product_beyond_the_largest_price_is_none() {
        assert_eq!((price(2).plus(price(3)), price(2).times(3)), (Some(price(5)), Some(price(6))));
        let largest = price(i64::MAX);
        assert_eq!((largest.plus(price(1)), largest.times(2), price(1).times(-1)), (None, None, None));
    }
}
