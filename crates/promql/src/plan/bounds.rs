//! What a text may be at most, told from the text alone, before any parser sees it (R5a).
//!
//! A recursive tree is as deep as brackets and operators make it: `-` 4,000 times aborts a process on a 2 MiB stack.
//! The count here is deliberately simple and errs on the high side; the parser's thread has room for any text of
//! [`MAX_BYTES`], so a miscount costs nothing but time.

use super::PlanError;

/// Longest text in bytes; the schema of `prometheus.query` has the same bound in characters.
pub const MAX_BYTES: usize = 4096;
/// Deepest nesting of `(`, `[` and `{`. Prometheus' own parser slows down worse than linearly on nested brackets.
pub const MAX_NESTING: usize = 100;
/// Most operators, unary and binary together. 4096 bytes of `a + b + …` with names of real length stay below it.
pub const MAX_OPERATORS: usize = 500;

/// Binary operators written as words (`promql/parser/lex.go`), whatever their case.
const WORD_OPERATORS: [&str; 4] = ["and", "or", "unless", "atan2"];

/// Checks the length, before anything else reads the text.
pub(super) fn check_length(text: &str) -> Result<(), PlanError> {
    match text.len() {
        bytes if bytes > MAX_BYTES => Err(PlanError::TooLong { bytes }),
        _ => Ok(()),
    }
}

/// Checks nesting and operators of a text without strings and comments.
pub(super) fn check_shape(text: &str) -> Result<(), PlanError> {
    let shape = Shape::of(text);
    if shape.deepest > MAX_NESTING {
        return Err(PlanError::TooNested { depth: shape.deepest });
    }
    if shape.operators > MAX_OPERATORS {
        return Err(PlanError::TooManyOperators {
            operators: shape.operators,
        });
    }
    if shape.misread {
        return Err(PlanError::NotUnderstood);
    }
    Ok(())
}

/// How deep and how long a text could make a tree.
#[derive(Debug, Default)]
struct Shape {
    depth: usize,
    deepest: usize,
    braces: usize,
    operators: usize,
    misread: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let mut shape = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            rest = match first {
                _ if is_word(first) => {
                    let (word, after) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
                    shape.word(word);
                    after
                }
                _ => {
                    shape.mark(first);
                    &rest[first.len_utf8()..]
                }
            };
        }
        shape
    }

    fn word(&mut self, word: &str) {
        self.misread |= is_misread(word);
        if self.braces == 0
            && WORD_OPERATORS
                .iter()
                .any(|operator| word.eq_ignore_ascii_case(operator))
        {
            self.operators += 1;
        }
    }

    fn mark(&mut self, mark: char) {
        match mark {
            '(' | '[' | '{' => {
                self.depth += 1;
                self.deepest = self.deepest.max(self.depth);
                self.braces += usize::from(mark == '{');
            }
            ')' | ']' | '}' => {
                self.depth = self.depth.saturating_sub(1);
                self.braces = self.braces.saturating_sub(usize::from(mark == '}'));
            }
            // The `=` and `!~` of label matchers add nothing to the tree.
            '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '=' | '!' if self.braces == 0 => self.operators += 1,
            _ => {}
        }
    }
}

/// Whether it is a duration with a number beyond 32 bits, which our parser passes over in silence: `1m4294967296ms` is fifty
/// days to Prometheus, and would be a minute to us.
fn is_misread(word: &str) -> bool {
    let is_duration = word.starts_with(|c: char| c.is_ascii_digit())
        && !word.starts_with("0x")
        && word.contains(['y', 'w', 'd', 'h', 'm', 's']);
    let mut numbers = word.split(|c: char| !c.is_ascii_digit());
    is_duration && numbers.any(|digits| !digits.is_empty() && digits.parse::<u32>().is_err())
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | ':' | '.')
}
