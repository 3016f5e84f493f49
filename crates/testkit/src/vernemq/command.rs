//! Answers: which command is that, with which arguments and flags? The reading of clique, VerneMQ's library for it.
//!
//! Of clique's `clique_parser.erl`: words first, then `key=value`, then flags (:59-71); whatever follows the first flag is a
//! flag or the value of the flag before it (:92-121). So the order of a query string matters.

/// A command that could not be read: 400, or what the command line says of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the command: {0}")]
pub(super) struct Malformed(pub(super) String);

/// What was typed, in parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) words: Vec<String>,
    pub(super) arguments: Vec<(String, String)>,
    pub(super) flags: Vec<(String, Option<String>)>,
}

impl Command {
    /// Of the path below `/api/v1/` and the query (`vmq_http_mgmt_api.erl:89-124`).
    pub(super) fn of_url(path: &str, query: &str) -> Result<Self, Malformed> {
        let mut tokens: Vec<String> = alias(path.split('/').filter(|word| !word.is_empty()).collect());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let decoded = form_urlencoded::parse(parameter.as_bytes()).next();
            let (key, value) = decoded.unwrap_or_default();
            let has_value = parameter.contains('=');
            match (key.starts_with("--"), has_value) {
                (true, false) => tokens.push(key.into_owned()),
                (_, true) => tokens.push(format!("{key}={value}")),
                // A parameter without a value is the atom `true`, of which no text can be made.
                (false, false) => return Err(Malformed(key.into_owned())),
            }
        }
        Self::of_tokens(&tokens)
    }

    /// Of a command line, without the program's name.
    pub(super) fn of_tokens(tokens: &[String]) -> Result<Self, Malformed> {
        let is_word = |token: &&String| !token.starts_with('-') && !token.contains('=');
        let words: Vec<String> = tokens.iter().take_while(is_word).cloned().collect();
        let rest = &tokens[words.len()..];
        let count = rest.iter().take_while(|token| !is_flag(token)).count();
        let (arguments, flags) = rest.split_at(count);
        Ok(Self {
            words,
            arguments: arguments
                .iter()
                .map(|token| key_and_value(token))
                .collect::<Result<_, _>>()?,
            flags: read_flags(flags)?,
        })
    }

    /// The words, to match on.
    pub(super) fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// Refuses what the command does not know (`clique_parser.erl:161-245`). A flag has a long and maybe a short name.
    pub(super) fn only(&self, keys: &[&str], flags: &[(&str, char)]) -> Result<(), Malformed> {
        let unknown = self.arguments.iter().find(|(key, _)| !keys.contains(&key.as_str()));
        if let Some((key, _)) = unknown {
            return Err(Malformed(format!("Invalid key: {key}")));
        }
        let is_known = |name: &str| flags.iter().any(|flag| is_called(*flag, name));
        match self.flags.iter().find(|(name, _)| !is_known(name)) {
            Some((name, _)) => Err(Malformed(format!("Invalid flag: {name}"))),
            None => Ok(()),
        }
    }

    /// Whether a flag is set.
    pub(super) fn has(&self, long: &str, short: char) -> bool {
        self.flags.iter().any(|(name, _)| is_called((long, short), name))
    }

    /// What a flag is set to. The last one counts, as of a list that was turned over.
    pub(super) fn value_of(&self, long: &str, short: char) -> Option<&str> {
        let mut named = self.flags.iter().filter(|(name, _)| is_called((long, short), name));
        named.next_back().and_then(|(_, value)| value.as_deref())
    }
}

fn is_called((long, short): (&str, char), name: &str) -> bool {
    name == long || name.strip_prefix('-').is_some_and(|letter| letter == short.to_string())
}

/// `vmq_http_mgmt_api.erl:117-124`. The first one leads nowhere since `cluster status` is gone.
fn alias(words: Vec<&str>) -> Vec<String> {
    let replaced: Vec<&str> = match words.as_slice() {
        ["cluster"] => vec!["cluster", "status"],
        ["sessions"] => vec!["session", "show"],
        ["listeners"] => vec!["listener", "show"],
        ["sessions", rest @ ..] => [&["session"], rest].concat(),
        ["listeners", rest @ ..] => [&["listener"], rest].concat(),
        _ => words,
    };
    replaced.into_iter().map(str::to_owned).collect()
}

/// Negative numbers are none (`clique_parser.erl:305-318`).
fn is_flag(token: &str) -> bool {
    token.starts_with('-') && token.parse::<i64>().is_err()
}

/// Erlang's `string:tokens` knows of no empty parts.
fn key_and_value(token: &str) -> Result<(String, String), Malformed> {
    let parts: Vec<&str> = token.split('=').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [key, value] => Ok(((*key).to_owned(), (*value).to_owned())),
        _ => Err(Malformed(format!("Invalid argument: {token}"))),
    }
}

/// A short flag is kept with its dash, a long one without.
fn read_flags(tokens: &[String]) -> Result<Vec<(String, Option<String>)>, Malformed> {
    let mut flags: Vec<(String, Option<String>)> = Vec::new();
    let mut may_take_value = false;
    for token in tokens {
        if let Some(long) = token.strip_prefix("--") {
            let mut parts = long.split('=').filter(|part| !part.is_empty());
            let name = parts.next().unwrap_or_default().to_owned();
            let value = parts.next().map(str::to_owned);
            may_take_value = value.is_none();
            flags.push((name, value));
        } else if let Some(short) = token.strip_prefix('-') {
            let mut letters = short.chars();
            let name = format!("-{}", letters.next().map(String::from).unwrap_or_default());
            let rest = letters.as_str();
            may_take_value = rest.is_empty();
            flags.push((name, (!rest.is_empty()).then(|| rest.to_owned())));
        } else if let Some((_, value)) = flags.last_mut().filter(|_| may_take_value) {
            *value = Some(token.clone());
            may_take_value = false;
        } else {
            return Err(Malformed(format!("Invalid flag: {token}")));
        }
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(query: &str) -> Result<Command, Malformed> {
        Command::of_url("cluster/leave", query)
    }

    #[test]
    fn arguments_come_before_flags() {
        let command = url("node=a&--kill_sessions&--timeout=5").unwrap();
        assert_eq!(command.arguments, [("node".to_owned(), "a".to_owned())]);
        assert!(command.has("kill_sessions", 'k') && command.value_of("kill_sessions", 'k').is_none());
        assert_eq!(command.value_of("timeout", 't'), Some("5"));
    }

    #[test]
    fn an_argument_after_a_flag_is_that_flags_value_or_an_error() {
        let command = url("--kill_sessions&node=a").unwrap();
        assert!(command.arguments.is_empty());
        assert_eq!(command.value_of("kill_sessions", 'k'), Some("node=a"));
        assert!(url("--kill_sessions&--timeout=5&node=a").is_err());
    }

    #[test]
    fn a_short_flag_in_a_query_is_an_error_and_on_a_command_line_is_none() {
        assert!(url("node=a&-k").is_err());
        let line: Vec<String> = "cluster leave node=a -k -i 1 -t 30"
            .split(' ')
            .map(str::to_owned)
            .collect();
        let command = Command::of_tokens(&line).unwrap();
        assert!(command.has("kill_sessions", 'k') && command.value_of("kill_sessions", 'k').is_none());
        assert_eq!(command.value_of("summary-interval", 'i'), Some("1"));
        assert_eq!(command.value_of("timeout", 't'), Some("30"));
    }

    #[test]
    fn what_a_command_does_not_know_is_refused() {
        let command = url("node=a&--force").unwrap();
        assert!(command.only(&["node"], &[("kill_sessions", 'k')]).is_err());
        assert!(command.only(&["node"], &[("force", 'f')]).is_ok());
        assert!(command.only(&[], &[("force", 'f')]).is_err());
    }
}
