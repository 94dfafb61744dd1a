//! Reads from the sources of all processes which problems they answer.

use std::path::{Path, PathBuf};

use reqwest::StatusCode;

/// Minimum length of the fixed text of a format string, which a short one would share with many details.
const SHORTEST: usize = 15;

/// A place in the sources that makes a problem.
#[derive(Debug)]
pub struct Found {
    pub slug: String,
    pub status: StatusCode,
    /// The service or gateway that the file belongs to; `None` in a shared crate.
    pub process: Option<String>,
    pub file: String,
}

struct Source {
    file: String,
    /// Without comments and tests.
    text: String,
}

/// Returns every problem that a process makes.
///
/// # Panics
///
/// If a source names the type or the status of a problem in a way that this function cannot read.
pub fn problems() -> Vec<Found> {
    sources().iter().flat_map(problems_of).collect()
}

fn problems_of(source: &Source) -> Vec<Found> {
    let Source { file, text } = source;
    let own = if file == "crates/http-api/src/problem.rs" { "Self::new(" } else { "Problem::new(" };
    let process = ["services/", "gateway"].iter().any(|room| file.starts_with(room)).then(|| {
        let path = file.strip_prefix("services/").unwrap_or(file);
        path.split('/').next().unwrap().to_owned()
    });
    let mut found = Vec::new();
    let mut add = |slug: &str, status| {
        let slug = slug.trim_matches('"').to_owned();
        found.push(Found { slug, status, process: process.clone(), file: file.clone() });
    };
    for (at, call) in text.match_indices(own) {
        let given = arguments(&text[at + call.len()..]);
        let status = status(&given[0]).unwrap_or_else(|| panic!("{file}: {}", given[0]));
        if is_literal(&given[1]) {
            add(&given[1], status);
            continue;
        }
        // The call is in a function that takes the slug first: its callers name it.
        let (before, rest) = text[..at].rsplit_once("fn ").unwrap();
        let is_taken_first = given[1] == "slug" && rest.contains("(slug: &'static str,");
        assert!(is_taken_first, "{file}: the type of a problem is {}, not a literal", given[1]);
        let callee = format!("{}(", rest.split('(').next().unwrap());
        for (at, _) in text.match_indices(&callee).filter(|(at, _)| *at != before.len() + "fn ".len()) {
            let slug = &arguments(&text[at + callee.len()..])[0];
            assert!(is_literal(slug), "{file}: the type of a problem is {slug}, not a literal");
            add(slug, status);
        }
    }
    found
}

/// Splits what follows an opening parenthesis into arguments, up to its closing one.
fn arguments(text: &str) -> Vec<String> {
    let (mut arguments, mut depth, mut is_quoted, mut was_escape) = (vec![String::new()], 0, false, false);
    for letter in text.chars() {
        let is_escaped = was_escape;
        was_escape = letter == '\\' && !is_escaped;
        match letter {
            '"' if !is_escaped => is_quoted = !is_quoted,
            '(' | '[' | '{' if !is_quoted => depth += 1,
            ')' if !is_quoted && depth == 0 => break,
            ')' | ']' | '}' if !is_quoted => depth -= 1,
            ',' if !is_quoted && depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        arguments.last_mut().unwrap().push(letter);
    }
    arguments.iter().map(|argument| argument.trim().to_owned()).collect()
}

fn is_literal(argument: &str) -> bool {
    argument.len() > 2 && argument.starts_with('"') && argument.ends_with('"')
}

/// Reads a constant of `StatusCode`.
fn status(argument: &str) -> Option<StatusCode> {
    let name = argument.strip_prefix("StatusCode::")?;
    let constant = |status: &StatusCode| {
        status.canonical_reason().is_some_and(|reason| reason.to_uppercase().replace([' ', '-'], "_") == name)
    };
    (400..600).filter_map(|code| StatusCode::from_u16(code).ok()).find(constant)
}

/// Returns the string literals of all sources.
pub fn texts() -> Vec<String> {
    sources().iter().flat_map(|source| literals(&source.text)).collect()
}

fn literals(text: &str) -> Vec<String> {
    let text = text.replace("'\"'", "' '");
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find('"') {
        let hashes = rest[..start].bytes().rev().take_while(|byte| *byte == b'#').count();
        if rest[..start - hashes].ends_with('r') {
            let end = format!("\"{}", "#".repeat(hashes));
            rest = rest[start + 1..].split_once(&end).map_or("", |(_, after)| after);
            continue;
        }
        let mut literal = String::new();
        let mut letters = rest[start + 1..].char_indices().peekable();
        let mut end = rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = start + 1 + at + 1;
                    break;
                }
                '\\' => match letters.next() {
                    // The literal goes on in the next line, after its indentation.
                    Some((_, '\n')) => {
                        while letters.next_if(|(_, letter)| letter.is_whitespace()).is_some() {}
                    }
                    Some((_, escaped)) => literal.push(escaped),
                    None => {}
                },
                _ => literal.push(letter),
            }
        }
        found.push(literal);
        rest = &rest[end..];
    }
    found
}

/// Whether `detail` is what a format string makes. The first letter may have been capitalized, and the full
/// stop added.
pub fn is_instance(detail: &str, format: &str) -> bool {
    let normal = |text: &str| text.trim_end_matches('.').to_lowercase();
    let (detail, format) = (normal(detail), normal(format));
    // Every part but the first follows a placeholder.
    let parts = format.split('{').enumerate().map(|(at, part)| match (at, part.split_once('}')) {
        (1.., Some((_, after))) => after,
        _ => part,
    });
    let parts: Vec<&str> = parts.collect();
    if parts.iter().map(|part| part.len()).sum::<usize>() < SHORTEST {
        return false;
    }
    let Some(mut rest) = detail.strip_prefix(parts[0]) else { return false };
    for part in &parts[1..] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    // A placeholder at the end takes all that is left.
    rest.is_empty() || (parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()))
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let mut files = Vec::new();
    for room in ["crates", "services", "gateway"] {
        collect(&root.join(room), &mut files);
    }
    let read = |path: &PathBuf| {
        let file = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        Source { file, text: text.lines().filter(is_code).collect::<Vec<_>>().join("\n") }
    };
    let sources: Vec<Source> = files.iter().map(read).collect();
    // The pages' own texts prove nothing.
    sources.into_iter().filter(|source| !source.file.starts_with("gateway/src/problems/")).collect()
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !name.starts_with('.') && !["target", "tests"].contains(&name) {
            collect(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}
