//! The name of a dead letter: its partition and its offset.

use event_log::Position;

/// Formats the name of the letter at a position.
pub fn name(Position { partition, offset }: Position) -> String {
    format!("{partition}-{offset}")
}

/// Parses the name of a letter.
pub fn parse_name(name: &str) -> Result<Position, &'static str> {
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0);
    let position = name.split_once('-').and_then(|(partition, offset)| {
        Some(Position { partition: number(partition)?.try_into().ok()?, offset: number(offset)? })
    });
    position.ok_or("must be two numbers with a dash between them, as printed by `dlq list`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_parsed_as_it_is_printed() {
        let position = Position { partition: 3, offset: 9_876_543_210 };
        assert_eq!(parse_name(&name(position)), Ok(position));
        for wrong in ["", "3", "-1-2", "1--2", "a-b", "1-2-3", "1/2"] {
            assert!(parse_name(wrong).is_err(), "{wrong}");
        }
    }
}
