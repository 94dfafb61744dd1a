//! Copies of a database, and the ids that it has given out.

use std::path::Path;

use crate::conn::Conn;
use crate::db::Db;
use crate::error::Error;

impl Db {
    /// Writes the committed state of an SQLite database into the new file `file`. Other transactions wait for this only while
    /// somebody holds the write lock for them: whoever wants a copy of one moment does.
    ///
    /// # Errors
    ///
    /// When the copy fails, and on a server.
    pub async fn copy_to(&self, file: &Path) -> Result<(), Error> {
        let copy = crate::query("VACUUM INTO $1").bind(file.display().to_string());
        self.read().await?.execute(copy).await?;
        Ok(())
    }
}

impl Conn {
    /// The highest id that `table` has ever given out, whether or not its row is still there; 0 when there was none.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn last_id(&mut self, table: &str) -> Result<i64, Error> {
        let find = crate::query_as::<(i64,)>(self.backend().last_id()).bind(table.to_owned());
        Ok(self.fetch_one(find).await?.0)
    }
}
