//! Durations: `"100ms"`, `"5s"`, `"20m"`, `"1h30m"`, `"90d"`.

use std::time::Duration;

use super::value::{FromValue, Value};

fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at(letters);
        let unit = match unit {
            "us" => Duration::from_micros(1),
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3_600),
            "d" => Duration::from_secs(86_400),
            "w" => Duration::from_secs(7 * 86_400),
            _ => return None,
        };
        total = total.checked_add(unit.checked_mul(number.parse().ok()?)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

impl FromValue for Duration {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let duration = value.text_or_number().and_then(|text| parse(&text));
        if duration.is_none() {
            value.error_with_help(
                "not a duration",
                "a duration is a number and a unit: \"100ms\", \"5s\", \"20m\", \"1h30m\", \"90d\"",
            );
        }
        duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        assert_eq!(parse("100ms"), Some(Duration::from_millis(100)));
        assert_eq!(parse("1h30m"), Some(Duration::from_secs(5_400)));
        assert_eq!(parse("90d"), Some(Duration::from_secs(90 * 86_400)));
        assert_eq!(parse("0s"), Some(Duration::ZERO));
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["", "5", "s", "5x", "1h30", "-1s", "99999999999999999999s"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
