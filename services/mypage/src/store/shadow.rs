//! Statements about the whole shadow.

use storage::{Conn, Error, Tx, query, query_as};

/// Deletes up to `rows` bookings from each of its tables. Returns `false` if all were already empty.
pub async fn shrink(tx: &mut Tx, rows: i64) -> Result<bool, Error> {
    let mypages = query(
        "DELETE FROM mypages_shadow WHERE booking_id IN
             (SELECT booking_id FROM mypages_shadow ORDER BY booking_id LIMIT $1)",
    );
    let timeline = query(
        "DELETE FROM timeline_shadow WHERE booking_id IN
             (SELECT booking_id FROM timeline_shadow ORDER BY booking_id LIMIT $1)",
    );
    let mut deleted = 0;
    for delete in [mypages, timeline] {
        deleted += tx.execute(delete.bind(rows)).await?;
    }
    Ok(deleted > 0)
}

/// Swaps the shadow and the view in `tx`, so readers see one or the other. PostgreSQL locks the tables in
/// this order, which is that in which events are written.
pub async fn swap(tx: &mut Tx) -> Result<(), Error> {
    for rename in [
        "ALTER TABLE mypages RENAME TO mypages_before",
        "ALTER TABLE timeline RENAME TO timeline_before",
        "ALTER TABLE mypages_shadow RENAME TO mypages",
        "ALTER TABLE timeline_shadow RENAME TO timeline",
        "ALTER TABLE mypages_before RENAME TO mypages_shadow",
        "ALTER TABLE timeline_before RENAME TO timeline_shadow",
    ] {
        tx.execute(query(rename)).await?;
    }
    Ok(())
}

/// Whether the view is empty.
pub async fn is_view_empty(conn: &mut Conn) -> Result<bool, Error> {
    let find = query_as::<(i64,)>("SELECT booking_id FROM mypages LIMIT 1");
    Ok(conn.fetch_optional(find).await?.is_none())
}
