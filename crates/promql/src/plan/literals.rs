//! The strings of a query, taken out before it is parsed.
//!
//! What a string holds says nothing about what a query reads, but it can hurt who reads it: the parser compiles every
//! regular expression, and 4096 bytes of `a=~"\\w{99}{9}"` keep it busy for minutes (R5a). So it is shown a placeholder for
//! each string, and a selector is put together again from the user's own text. That also plans what our parser's
//! regular expressions do not know and Prometheus' do (`\Q…\E`).

/// Marks a placeholder. No identifier may hold it, and every string of the user is replaced.
const MARK: &str = "\u{E000}";

/// A text without strings and comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lifted<'a> {
    /// The text, each string a placeholder in plain double quotes, each comment a line break.
    pub(super) text: String,
    /// The strings as they stood, with their quotes.
    pub(super) literals: Vec<&'a str>,
    /// Whether the last string is closed.
    pub(super) is_closed: bool,
}

impl<'a> Lifted<'a> {
    /// Reads strings as `promql/parser/lex.go` does: `"` and `'` know escapes, a backtick does not, `#` runs to the end
    /// of the line.
    pub(super) fn of(text: &'a str) -> Self {
        let mut lifted = Self {
            text: String::with_capacity(text.len()),
            literals: Vec::new(),
            is_closed: true,
        };
        let mut rest = text;
        while let Some(at) = rest.find(['"', '\'', '`', '#']) {
            lifted.text.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with('#') {
                lifted.text.push('\n');
                rest = rest.split_once('\n').map_or("", |(_, after)| after);
                continue;
            }
            let end = end_of_string(rest);
            lifted.is_closed = end.is_some();
            let (literal, after) = rest.split_at(end.unwrap_or(rest.len()));
            let number = lifted.literals.len().to_string();
            lifted.text.extend(["\"", MARK, &number, "\""]);
            lifted.literals.push(literal);
            rest = after;
        }
        lifted.text.push_str(rest);
        lifted
    }

    /// The string that the parser saw as `placeholder`.
    pub(super) fn literal(&self, placeholder: &str) -> Option<&'a str> {
        self.literals
            .get(placeholder.strip_prefix(MARK)?.parse::<usize>().ok()?)
            .copied()
    }
}

/// Where the string ends that a text begins with.
fn end_of_string(text: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    let (_, quote) = characters.next()?;
    let mut escaped = false;
    for (at, character) in characters {
        match character {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if character == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifted(text: &str) -> (String, Vec<&str>, bool) {
        let Lifted {
            text,
            literals,
            is_closed,
        } = Lifted::of(text);
        (text.replace(MARK, "$"), literals, is_closed)
    }

    #[test]
    fn strings_of_each_kind_are_taken_out_whole() {
        let (text, literals, is_closed) = lifted(r#"m{a="x\"y", b='\'"', c=`\`} + "é""#);
        assert_eq!(text, r#"m{a="$0", b="$1", c="$2"} + "$3""#);
        assert_eq!(literals, [r#""x\"y""#, r#"'\'"'"#, r"`\`", "\"é\""]);
        assert!(is_closed);
    }

    #[test]
    fn a_quote_in_a_comment_and_a_hash_in_a_string_are_nothing_special() {
        assert_eq!(lifted("a # \"\n+ b"), ("a \n+ b".to_owned(), vec![], true));
        assert_eq!(lifted("a{b=\"#\"} # c").0, "a{b=\"$0\"} \n");
    }

    #[test]
    fn a_string_without_an_end_is_told() {
        assert!(!lifted("a + \"b").2);
        assert!(!lifted("a + 'b\\'").2);
    }

    #[test]
    fn a_placeholder_leads_back_to_its_string() {
        let lifted = Lifted::of("m{a=\"x\",b='y'}");
        assert_eq!(lifted.literal("\u{E000}1"), Some("'y'"));
        assert_eq!(lifted.literal("\u{E000}2"), None);
        assert_eq!(lifted.literal("1"), None);
    }
}
