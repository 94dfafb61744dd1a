//! What a restore prints.

use super::ids::{LastIds, Stray};
use super::plan::Plan;
use super::reconcile::Outcome;
use crate::mark::Mark;
use crate::output::{OutputError, counted, print, printable};

/// What was left out of account when ids were raised.
///
/// # Errors
///
/// When it cannot be printed.
pub fn ids(known: &LastIds) -> Result<(), OutputError> {
    for name in &known.unreadable {
        print(&format!(
            "not read      {name}.db, which is replaced; its ids are taken from what the others know"
        ))?;
    }
    for Stray { place, noun, highest, count } in &known.strays {
        let others = if *count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        print(&format!("not counted   {noun} id {highest}{others} of {place}, which book never gave out"))?;
    }
    Ok(())
}

/// What was done, and what is left to do.
///
/// # Errors
///
/// When it cannot be printed.
pub fn outcome(plan: &Plan, mark: &Mark, outcome: &Outcome) -> Result<(), OutputError> {
    moved(plan, mark)?;
    if !mark.has_ledger {
        print("not seen      what the payment provider did after the backup: its ledger is not here")?;
    }
    bookings(mark, outcome)?;
    if outcome.left > 0 {
        return unfinished(plan, mark, outcome.left);
    }
    if outcome.wrong > 0 {
        print(&format!("wrong         {} things; `marquee audit` shows them", outcome.wrong))?;
    } else if mark.has_ledger {
        print("right         all services and the provider's ledger tell one story")?;
    } else {
        print("right         all services tell one story")?;
    }
    if mark.has_ledger {
        return Ok(());
    }
    if plan.fleet.has_own_provider() {
        print(
            "to do         copy processor.db of the other machine before the fleet starts, or charges from before can \
             neither be compared nor refunded",
        )
    } else {
        print("to do         compare the records of the payment provider with the payments by hand")
    }
}

fn bookings(mark: &Mark, outcome: &Outcome) -> Result<(), OutputError> {
    let (charged, gone) = match mark.back {
        None => ("charged after the backup", "had gone back after the backup"),
        Some(_) => ("which no booking stands for", "has gone back"),
    };
    for returned in &outcome.returned {
        let (id, amount, currency) = (returned.booking_id, returned.amount, printable(&returned.currency));
        print(&format!("returned      booking {id}: {amount} {currency}, {charged}"))?;
    }
    for id in &outcome.canceled {
        print(&format!("canceled      booking {id}: its money {gone}"))?;
    }
    for (id, reason) in &outcome.not_canceled {
        print(&format!("not canceled  booking {id}, whose money {gone}: {}", printable(reason)))?;
    }
    Ok(())
}

fn moved(plan: &Plan, mark: &Mark) -> Result<(), OutputError> {
    let bookings = counted(mark.bookings, "booking");
    let Mark { taken_at, last_booking, aside, back, .. } = mark;
    let next = last_booking.saturating_add(1);
    let aside = plan.fleet.data_dir.join(aside).display().to_string();
    let aside = printable(&aside);
    if back.is_some() {
        print(&format!(
            "put back      {bookings} from before the restore of {taken_at}; new ones have ids from {next}"
        ))?;
        print(&format!("moved aside   what was restored is in {aside}"))
    } else {
        print(&format!("restored      {bookings} of {taken_at}; new ones have ids from {next}"))?;
        print(&format!("moved aside   what was there is in {aside}"))
    }
}

fn unfinished(plan: &Plan, mark: &Mark, left: usize) -> Result<(), OutputError> {
    let from = mark.from.display().to_string();
    let from = printable(&from);
    let start = if mark.back.is_some() { "--undo".to_owned() } else { format!("--from {from}") };
    print(&format!(
        "unfinished    {left} more charges are to be returned, and the fleet does not start before: \
         marquee restore {start} --max-refunds {left}"
    ))?;
    if mark.back.is_some() {
        return print("otherwise     restore another backup: marquee restore --from DIR");
    }
    let before = plan.fleet.data_dir.join(mark.before()).display().to_string();
    print(&format!(
        "otherwise     restore another backup with --from, or put back what is in {}: marquee restore --undo",
        printable(&before)
    ))
}
