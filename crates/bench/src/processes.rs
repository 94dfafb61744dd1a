//! CPU time and memory of processes, from `/proc`.

use std::fs;

use crate::Outcome;

/// Returns the CPU time of a process and its children, including those that have ended.
pub fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let ticks_a_second = rustix::param::clock_ticks_per_second() as f64;
    let of_one = |pid: u32, words: usize| -> Outcome<f64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, in parentheses, may contain blanks. The 12th and 13th fields after it are the times, and
        // the next two are those of the children that have ended.
        let (_, rest) = stat.rsplit_once(')').ok_or("no stat")?;
        let ticks: f64 =
            rest.split_whitespace().skip(11).take(words).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        Ok(ticks / ticks_a_second)
    };
    // A process that ends during the loop is counted by its parent the next time.
    let living: f64 = children(pid)?.into_iter().filter_map(|child| of_one(child, 2).ok()).sum();
    Ok(of_one(pid, 4)? + living)
}

/// Returns the memory of a process and its children, with shared pages counted once.
pub fn memory_mib(pid: u32) -> Outcome<f64> {
    let of_one = |pid: u32| -> Outcome<f64> {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss")?;
        let kib: f64 = line.split_whitespace().next().ok_or("no number")?.parse()?;
        Ok(kib / 1024.0)
    };
    let own = of_one(pid)?;
    children(pid)?.into_iter().try_fold(own, |sum, child| Ok(sum + of_one(child)?))
}

fn children(pid: u32) -> Outcome<Vec<u32>> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(list.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}
