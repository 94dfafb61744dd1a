//! Medians and tables.

use std::time::Duration;

/// One measured value of several runs.
#[derive(Clone, Debug, Default)]
pub struct Runs(Vec<f64>);

impl Runs {
    pub fn add(&mut self, figure: f64) {
        self.0.push(figure);
        self.0.sort_by(f64::total_cmp);
    }

    pub fn median(&self) -> f64 {
        quantile(&self.0, 0.5)
    }

    /// Formats the values as `median (min – max)`.
    pub fn shown(&self, digits: usize) -> String {
        let [min, median, max] = [quantile(&self.0, 0.0), self.median(), quantile(&self.0, 1.0)];
        format!("{median:.digits$} ({min:.digits$} – {max:.digits$})")
    }
}

/// Returns the value that `share` of the sorted values do not exceed.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Prints a Markdown table.
pub fn print_table(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("| {} |", cells.join(" | "));
    };
    println!();
    line(&head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>());
    line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>());
    rows.iter().for_each(|row| line(row));
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_run_that_was_there_between_the_least_and_the_most() {
        let mut runs = Runs::default();
        [3.0, 1.0, 2.0].into_iter().for_each(|figure| runs.add(figure));
        assert_eq!(runs.shown(1), "2.0 (1.0 – 3.0)");
    }

    #[test]
    fn a_quantile_is_exceeded_by_no_more_than_the_rest() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!([0.5, 0.95, 0.99].map(|share| quantile(&sorted, share)), [50.0, 95.0, 99.0]);
    }
}
