//! Reads Rust text just far enough to know which names it uses.
//!
//! Comments, strings and test code do not count, and `use` trees are unfolded, so that
//! `use std::{fs::File, io}` names `std::fs::File` and `std::io`. It is no parser: what it does not
//! understand it takes for plain words, which errs on the side of finding too much.

/// The names that one file uses.
pub struct Source {
    /// Paths named outside test code, as segments; a macro's last segment ends in `!`.
    pub paths: Vec<Path>,
    /// The same, test code included.
    pub paths_with_tests: Vec<Path>,
    /// Names of modules declared as `#[cfg(test)] mod name;`.
    pub test_modules: Vec<String>,
}

/// One path, for example `std::fs::read`.
pub struct Path {
    pub segments: Vec<String>,
    /// From a `use` declaration, or with `::` in it: surely no local variable.
    pub qualified: bool,
}

impl Path {
    /// Whether this path falls under `rule`: `"name::"` asks for the first segment, `"a::b"` for a
    /// path that starts so, `"Name"` for any segment.
    pub fn falls_under(&self, rule: &str) -> bool {
        if let Some(first) = rule.strip_suffix("::") {
            return self.qualified && self.segments[0] == first;
        }
        if !rule.contains("::") {
            return self.segments.iter().any(|segment| segment == rule);
        }
        let wanted: Vec<&str> = rule.split("::").collect();
        self.segments.len() >= wanted.len() && self.segments.iter().zip(&wanted).all(|(a, b)| a == b)
    }
}

impl Source {
    /// Reads one file's text.
    pub fn read(text: &str) -> Self {
        let tokens = tokens(text);
        let (kept, test_modules) = without_tests(&tokens);
        Self { paths: paths(&kept), paths_with_tests: paths(&tokens), test_modules }
    }
}

/// Words, `::`, and single marks. A float literal becomes the word `f64`.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut found: Vec<String> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let next = rest.get(1).copied().unwrap_or(' ');
        at += match rest[0] {
            c if c.is_whitespace() => 1,
            '/' if next == '/' => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
            '/' if next == '*' => block_comment(rest),
            '"' => string(rest),
            '\'' => char_or_lifetime(rest),
            c if c.is_ascii_digit() => {
                let (length, float) = number(rest, found.last().is_some_and(|last| last == "."));
                found.push(if float { "f64".into() } else { "0".into() });
                length
            }
            c if c == '_' || c.is_alphabetic() => match raw_string(rest) {
                Some(length) => length,
                None => {
                    let word: String = rest.iter().take_while(|&&c| c == '_' || c.is_alphanumeric()).collect();
                    let length = word.chars().count();
                    found.push(word);
                    length
                }
            },
            ':' if next == ':' => {
                found.push("::".into());
                2
            }
            c => {
                found.push(c.into());
                1
            }
        };
    }
    found
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a quoted string that starts at `rest[0] == '"'`.
fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Length of a raw or prefixed string (`r"…"`, `br#"…"#`, `b"…"`, `c"…"`, `b'…'`), if one starts here.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix: String = rest.iter().take_while(|c| matches!(c, 'r' | 'b' | 'c')).collect();
    let hashes = rest[prefix.len()..].iter().take_while(|&&c| c == '#').count();
    let open = prefix.len() + hashes;
    match (prefix.as_str(), rest.get(open)) {
        ("b" | "c", Some('"')) if hashes == 0 => Some(1 + string(&rest[1..])),
        ("b", Some('\'')) if hashes == 0 => Some(1 + char_or_lifetime(&rest[1..])),
        ("r" | "br" | "cr", Some('"')) => {
            let close: String = format!("\"{}", "#".repeat(hashes));
            let body: String = rest[open + 1..].iter().collect();
            let end = body.find(&close).map_or(body.chars().count(), |byte| body[..byte].chars().count());
            Some((open + 1 + end + 1 + hashes).min(rest.len()))
        }
        _ => None,
    }
}

fn char_or_lifetime(rest: &[char]) -> usize {
    match (rest.get(1), rest.get(2)) {
        (Some('\\'), _) => 2 + rest[2..].iter().skip(1).position(|&c| c == '\'').map_or(1, |end| end + 2),
        (Some(_), Some('\'')) => 3,
        _ => 1 + rest[1..].iter().take_while(|&&c| c == '_' || c.is_alphanumeric()).count(),
    }
}

/// Length of a number, and whether it is a float. After a dot it is a tuple's field.
fn number(rest: &[char], is_field: bool) -> (usize, bool) {
    let digits = |from: usize| rest[from..].iter().take_while(|&&c| c == '_' || c.is_alphanumeric()).count();
    let whole = digits(0);
    if is_field {
        return (whole, false);
    }
    let fraction = rest.get(whole) == Some(&'.') && rest.get(whole + 1).is_some_and(|c| c.is_ascii_digit());
    let length = if fraction { whole + 1 + digits(whole + 1) } else { whole };
    let word: String = rest[..length].iter().collect();
    let decimal = !word.starts_with("0x") && !word.starts_with("0b") && !word.starts_with("0o");
    (length, fraction || (decimal && (word.ends_with("f32") || word.ends_with("f64"))))
}

/// Cuts out items under `#[cfg(test)]`; also tells which modules were only declared.
fn without_tests(tokens: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let is = |offset: usize, word: &str| tokens.get(at + offset).is_some_and(|token| token == word);
        let attribute = is(0, "#") && is(1, "[") && is(2, "cfg") && is(3, "(");
        let end = if attribute { closing(tokens, at + 1) } else { at };
        let words = &tokens[at..end];
        if attribute && words.iter().any(|w| w == "test") && !words.iter().any(|w| w == "not") {
            let (after, module) = item_end(tokens, end);
            modules.extend(module);
            at = after;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    (kept, modules)
}

/// Where the item that starts at `at` ends, and its name if it is `mod name;`.
fn item_end(tokens: &[String], mut at: usize) -> (usize, Option<String>) {
    while tokens.get(at).is_some_and(|token| token == "#") {
        at = closing(tokens, at + 1);
    }
    let start = at;
    while at < tokens.len() {
        match tokens[at].as_str() {
            ";" => {
                let declared = tokens[start..at].iter().position(|w| w == "mod").map(|m| tokens[start + m + 1].clone());
                return (at + 1, declared);
            }
            "{" => {
                let end = closing(tokens, at);
                // A `use` tree and a struct literal in a constant go on to their semicolon.
                let goes_on = tokens.get(end).is_some_and(|token| token == ";");
                return (if goes_on { end + 1 } else { end }, None);
            }
            "(" | "[" => at = closing(tokens, at),
            _ => at += 1,
        }
    }
    (at, None)
}

/// The index just after the bracket that closes the one at `open`.
fn closing(tokens: &[String], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth <= 1 => return at + 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c == '_' || c.is_alphabetic())
}

fn paths(tokens: &[String]) -> Vec<Path> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let captures = tokens.get(at + 1).is_some_and(|token| token == "<");
        if tokens[at] == "use" && !captures {
            at = use_tree(tokens, at + 1, &[], &mut found);
        } else if is_word(&tokens[at]) {
            let mut segments = vec![tokens[at].clone()];
            at += 1;
            while at + 1 < tokens.len() && tokens[at] == "::" && is_word(&tokens[at + 1]) {
                segments.push(tokens[at + 1].clone());
                at += 2;
            }
            let called = tokens.get(at).is_some_and(|t| t == "!") && tokens.get(at + 1).is_some_and(|t| t != "=");
            if called && let Some(last) = segments.last_mut() {
                last.push('!');
            }
            let qualified = segments.len() > 1;
            found.push(Path { segments, qualified });
        } else {
            at += 1;
        }
    }
    found
}

/// Unfolds one branch of a `use` tree; returns the index after it.
fn use_tree(tokens: &[String], mut at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    let mut segments = prefix.to_vec();
    while at < tokens.len() {
        match tokens[at].as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while at < tokens.len() && tokens[at] != "}" {
                    at = use_tree(tokens, at, &segments, found);
                    if tokens.get(at).is_some_and(|token| token != "}") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "as" => at += 2,
            "," | "}" | ";" => break,
            word => {
                segments.push(word.to_owned());
                at += 1;
            }
        }
    }
    found.push(Path { segments, qualified: true });
    at
}
