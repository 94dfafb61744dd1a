//! Copies of a database, and the ids that it has assigned.

use std::path::Path;

use crate::conn::Conn;
use crate::db::Db;
use crate::error::Error;
use crate::statement::{query, query_as};

impl Db {
    /// Writes the committed state of an SQLite database into the new file `file`. Other transactions may
    /// write meanwhile; to copy several databases at one moment, hold their write locks.
    ///
    /// # Errors
    ///
    /// Always on a server.
    pub async fn copy_to(&self, file: &Path) -> Result<(), Error> {
        let copy = query("VACUUM INTO $1").bind(file.display().to_string());
        self.read().await?.execute(copy).await?;
        Ok(())
    }
}

impl Conn {
    /// The highest id that `table` has ever assigned, even if its row has been deleted; 0 if it has assigned
    /// none.
    pub async fn last_id(&mut self, table: &str) -> Result<i64, Error> {
        let find = query_as::<(i64,)>(self.backend().last_id()).bind(table.to_owned());
        Ok(self.fetch_one(find).await?.0)
    }
}
