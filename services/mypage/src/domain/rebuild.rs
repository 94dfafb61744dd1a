//! How far a rebuild is.

events::statuses! {
    /// What is being done with the shadow, in this order.
    pub enum Stage {
        /// It is emptied; nobody else writes to it.
        Clearing = "Clearing",
        /// It is told of every event: the old ones by the rebuild, the new ones by the consumers.
        Telling = "Telling",
        /// It has taken the place of the view, and the old one is the shadow now. Nobody else writes to that.
        Shown = "Shown",
    }
}
