//! How figures read in messages to people. In: numbers. Out: text.

/// A count as people read it: `1,234,567`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let said = [0, 7, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(said, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
    }
}
