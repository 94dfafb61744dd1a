//! Reads the text of `/metrics`.

use crate::rest::{Rest, RestError};

/// Sums a metric over its labels; 0 if no metric has that name yet.
///
/// # Errors
///
/// When the process does not answer.
pub async fn metric(rest: &Rest, name: &str) -> Result<f64, RestError> {
    let answer = rest.get("/metrics").await?;
    let text = answer.body.as_str().unwrap_or_default();
    Ok(sum_of(text, name))
}

/// Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
fn sum_of(text: &str, name: &str) -> f64 {
    let samples = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = rest.strip_prefix('{').map_or(Some(rest), |rest| Some(rest.rsplit_once('}')?.1))?;
        value.strip_prefix(' ')?.trim().parse::<f64>().ok()
    });
    samples.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_is_summed_over_its_labels_without_longer_names() {
        let text = "# TYPE dead_letters counter\ndead_letters{a=\"x } y\"} 2\ndead_letters{a=\"z\"} 3\n\
                    dead_letters_total 7\n";
        assert!((sum_of(text, "dead_letters") - 5.0).abs() < f64::EPSILON);
        assert!((sum_of(text, "dead_letters_total") - 7.0).abs() < f64::EPSILON);
        assert!(sum_of(text, "outbox_unsent_events").abs() < f64::EPSILON);
    }
}
