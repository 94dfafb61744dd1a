//! Lists in pages: the rows of a page, whether more rows follow, and the number of rows in the list.

/// The rows of a list are counted up to this number, and pages up to it have numbers. Later rows are read by
/// `after`.
pub const COUNTED_MAX: i64 = 10_000;

/// The rows that a page shows. One SQL text reads pages by number and by `after`:
/// `WHERE id > after ORDER BY id LIMIT … OFFSET …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Id of the row before the first one, or 0 for the beginning of the list.
    pub after: i64,
    /// Number of rows to skip.
    pub offset: i64,
    /// Maximum number of rows.
    pub size: i64,
}

impl Slice {
    /// Number of rows to read: one more than the page shows, to know whether more rows follow.
    pub fn limit(&self) -> i64 {
        self.size + 1
    }
}

/// Maximum number of rows to count: one more than [`COUNTED_MAX`], to know whether the list has more.
pub const COUNT_LIMIT: i64 = COUNTED_MAX + 1;

/// The number of rows in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    pub rows: i64,
    /// Whether the list has more rows than `rows`.
    pub at_least: bool,
}

impl Total {
    /// The number of rows in a list, from the result of a count up to [`COUNT_LIMIT`].
    pub fn new(counted: i64) -> Self {
        Self { rows: counted.min(COUNTED_MAX), at_least: counted > COUNTED_MAX }
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Id of the last row, if more rows follow.
    pub next: Option<i64>,
    pub total: Total,
}

impl<T> Page<T> {
    /// The page of `slice`, from rows that were read up to [`Slice::limit`] and counted up to
    /// [`COUNT_LIMIT`].
    pub fn new(mut rows: Vec<T>, slice: Slice, counted: i64, id: impl FnOnce(&T) -> i64) -> Self {
        let size = usize::try_from(slice.size).unwrap_or_default();
        let more_follow = rows.len() > size;
        rows.truncate(size);
        let next = rows.last().filter(|_| more_follow).map(id);
        Self { rows, next, total: Total::new(counted) }
    }

    /// Converts the rows of the page. Returns the error of the first row that `convert` rejects.
    pub fn try_map<U, E>(self, convert: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let rows = self.rows.into_iter().map(convert).collect::<Result<_, _>>()?;
        Ok(Page { rows, next: self.next, total: self.total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(read: &[i64]) -> (Vec<i64>, Option<i64>) {
        let slice = Slice { after: 0, offset: 0, size: 2 };
        let page = Page::new(read.to_vec(), slice, 3, |id| *id);
        (page.rows, page.next)
    }

    #[test]
    fn page_has_a_next_one_only_if_one_more_row_was_read() {
        assert_eq!(page(&[4, 7, 9]), (vec![4, 7], Some(7)));
        assert_eq!(page(&[4, 7]), (vec![4, 7], None));
        assert_eq!(page(&[]), (vec![], None));
    }

    #[test]
    fn total_is_exact_up_to_ten_thousand_rows() {
        assert_eq!(Total::new(10_000), Total { rows: 10_000, at_least: false });
        assert_eq!(Total::new(COUNT_LIMIT), Total { rows: 10_000, at_least: true });
    }
}
