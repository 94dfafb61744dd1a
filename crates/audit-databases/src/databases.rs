//! The databases of a fleet, and its payment provider.

use storage::Db;

/// The databases of a fleet. An audit only reads them.
#[derive(Clone, Debug)]
pub struct Databases {
    pub book: Db,
    pub payment: Db,
    pub ticket: Db,
    pub point: Db,
    pub mypage: Db,
    /// `None` if the fleet uses another provider than the sandbox, or its ledger cannot be read.
    pub provider: Option<Provider>,
}

/// The sandbox payment provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The provider's database, which is only read.
    pub db: Db,
    /// The beginning of this fleet's references. The provider may serve other fleets too.
    pub fleet_id: String,
    /// The provider's address, at which a repair cancels charges.
    pub url: String,
}

impl Databases {
    /// Closes all databases, which leaves the files of a stopped fleet as they were.
    pub async fn close(&self) {
        let Self { book, payment, ticket, point, mypage, provider } = self;
        let provider = provider.as_ref().map(|provider| &provider.db);
        for db in [book, payment, ticket, point, mypage].into_iter().chain(provider) {
            db.close().await;
        }
    }

    /// The databases that have an outbox, with the names of their services.
    pub(crate) fn with_outbox(&self) -> [(&'static str, &Db); 4] {
        [("book", &self.book), ("payment", &self.payment), ("ticket", &self.ticket), ("point", &self.point)]
    }
}
