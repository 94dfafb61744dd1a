//! Prints the results of a restore.

use super::ids::{LastIds, Stray};
use super::plan::Plan;
use super::reconcile::Outcome;
use crate::mark::Mark;
use crate::output::{OutputError, counted, print, printable};

/// Prints what was ignored when ids were raised.
pub fn ids(known: &LastIds) -> Result<(), OutputError> {
    for name in &known.unreadable {
        print(&format!(
            "not read      {name}.db, which is replaced; its ids are taken from the other databases"
        ))?;
    }
    for Stray { place, noun, highest, count } in &known.strays {
        let others = if *count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        print(&format!("ignored       {noun} id {highest}{others} in {place}: book never assigned them"))?;
    }
    Ok(())
}

/// Prints what was done, and what remains to be done.
pub fn outcome(plan: &Plan, mark: &Mark, outcome: &Outcome) -> Result<(), OutputError> {
    moved(plan, mark)?;
    if !mark.has_ledger {
        print(
            "not checked   charges and refunds after the backup, because there is no ledger of the payment provider",
        )?;
    }
    bookings(mark, outcome)?;
    if outcome.left > 0 {
        return unfinished(plan, mark, outcome.left);
    }
    if outcome.violations > 0 {
        print(&format!("violations    {}; `marquee audit` shows them", outcome.violations))?;
    } else if mark.has_ledger {
        print("passed        all services and the provider's ledger agree")?;
    } else {
        print("passed        all services agree")?;
    }
    if mark.has_ledger {
        return Ok(());
    }
    if plan.fleet.has_own_provider() {
        print(
            "to do         copy processor.db from the other machine before the fleet starts; without it, earlier charges can \
             neither be compared nor refunded",
        )
    } else {
        print("to do         compare the records of the payment provider with the payments by hand")
    }
}

fn bookings(mark: &Mark, outcome: &Outcome) -> Result<(), OutputError> {
    let (charged, refunded) = match mark.back {
        None => ("charged after the backup", "was refunded after the backup"),
        Some(_) => ("charged without a booking", "was refunded"),
    };
    for returned in &outcome.returned {
        let (id, amount, currency) = (returned.booking_id, returned.amount, printable(&returned.currency));
        print(&format!("refunded      booking {id}: {amount} {currency}, {charged}"))?;
    }
    for id in &outcome.canceled {
        print(&format!("canceled      booking {id}: it {refunded}"))?;
    }
    for (id, reason) in &outcome.not_canceled {
        print(&format!("not canceled  booking {id}, which {refunded}: {}", printable(reason)))?;
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
            "put back      {bookings} from before the restore of {taken_at}; new ones get ids from {next}"
        ))?;
        print(&format!("moved aside   the restored files are in {aside}"))
    } else {
        print(&format!("restored      {bookings} of {taken_at}; new ones get ids from {next}"))?;
        print(&format!("moved aside   the previous files are in {aside}"))
    }
}

fn unfinished(plan: &Plan, mark: &Mark, left: usize) -> Result<(), OutputError> {
    let from = mark.from.display().to_string();
    let from = printable(&from);
    let start = if mark.back.is_some() { "--undo".to_owned() } else { format!("--from {from}") };
    print(&format!(
        "unfinished    {left} more charges must be refunded before the fleet can start: \
         marquee restore {start} --max-refunds {left}"
    ))?;
    if mark.back.is_some() {
        return print("otherwise     restore another backup: marquee restore --from DIR");
    }
    let before = plan.fleet.data_dir.join(mark.before()).display().to_string();
    print(&format!(
        "otherwise     restore another backup with --from, or put back the files in {}: marquee restore --undo",
        printable(&before)
    ))
}
