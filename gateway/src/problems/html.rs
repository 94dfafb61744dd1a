//! The pages as HTML. They link to each other by relative paths, which work behind a proxy that adds a prefix.

use std::fmt::Write as _;

use axum::response::IntoResponse;
use http::StatusCode;
use http::header::RETRY_AFTER;
use http_api::problem::{self, MEDIA_TYPE};

use super::catalog::{Kind, kinds};

/// Returns the list of all types.
pub fn list() -> String {
    let mut rows = String::new();
    for kind in kinds() {
        let slug = kind.slug;
        let (status, title, meaning) = (kind.status.as_u16(), problem::title(slug), prose(kind.meaning));
        writeln!(
            rows,
            "<tr><td>{status}</td><td><a href=\"problems/{slug}\">{title}</a></td><td>{meaning}</td></tr>"
        )
        .expect("a string takes everything");
    }
    let main = format!(
        "<h1>Problems</h1>\n\
         <p>Every error of Marquee is a problem in the form of \
         <a href=\"https://www.rfc-editor.org/rfc/rfc9457\">RFC 9457</a>. Its <code>type</code> is the address of a \
         page here, which says what it means and what you can do.</p>\n\
         <table>\n<thead><tr><th>Status</th><th>Problem</th><th>What it means</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>"
    );
    document("Problems", "", &main)
}

/// Returns the page about `kind`.
pub fn page(kind: &Kind) -> String {
    let title = problem::title(kind.slug);
    let main = format!(
        "<h1>{title} <span class=\"status\">{status}</span></h1>\n\
         <p class=\"from\"><code>{path}</code>, from {from}</p>\n\
         <h2>What it means</h2>\n<p>{meaning}</p>\n\
         <h2>What you can do</h2>\n<p>{remedy}</p>\n\
         <h2>Example</h2>\n<pre>{example}</pre>",
        status = status_line(kind.status),
        path = problem::type_of(kind.slug),
        from = prose(kind.from),
        meaning = prose(kind.meaning),
        remedy = prose(kind.remedy),
        example = escape(&example(kind)),
    );
    document(&title, "../", &main)
}

/// Returns a document whose relative links begin with `root`.
fn document(title: &str, root: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Marquee</title>\n<link rel=\"stylesheet\" href=\"{root}problems/style.css\">\n</head>\n\
         <body>\n<header><strong>Marquee</strong> <nav><a href=\"{root}docs/\">API documentation</a> \
         <a href=\"{root}problems\">Problems</a></nav></header>\n\
         <main>\n{main}\n</main>\n</body>\n</html>\n"
    )
}

/// Returns the example as the text of a response.
fn example(kind: &Kind) -> String {
    let mut text = format!("HTTP/1.1 {}\ncontent-type: {MEDIA_TYPE}\n", status_line(kind.status));
    let response = kind.example().into_response();
    if let Some(seconds) = response.headers().get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()) {
        writeln!(text, "retry-after: {seconds}").expect("a string takes everything");
    }
    text.push('\n');
    text.push_str(&serde_json::to_string_pretty(&kind.example_body()).expect("a problem is JSON"));
    text
}

/// Returns a status with its name, such as "409 Conflict".
fn status_line(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())
}

/// Returns `text` as HTML. Its code is between backticks.
fn prose(text: &str) -> String {
    let parts = text.split('`').map(escape).enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { part } else { format!("<code>{part}</code>") }).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_text_is_escaped_and_code_is_marked() {
        assert_eq!(
            prose("send `<a href=\"x\">` & wait"),
            "send <code>&lt;a href=&quot;x&quot;&gt;</code> &amp; wait"
        );
    }
}
