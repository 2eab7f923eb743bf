//! What a process uses, as Linux tells it in `/proc`: processor time, memory, threads and open files.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Serialize;

/// Ticks a second of the processor times in `/proc/PID/stat`: 100 on every Linux that is met.
const TICKS: u64 = 100;

/// Of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Usage {
    /// Since the process began, of all its threads, those that have ended among them.
    pub processor: Duration,
    /// Resident, kB (1000 bytes).
    pub memory_kb: f64,
    pub threads: usize,
    /// Open files, sockets among them.
    pub files: usize,
    pub sockets: usize,
}

/// `None` where there is no such process, or no `/proc`.
pub fn usage(pid: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let files = files(pid)?;
    Some(Usage {
        processor: processor(&stat)?,
        memory_kb: number(&status, "VmRSS:")? * 1.024,
        threads: number(&status, "Threads:")? as usize,
        sockets: files.iter().filter(|file| inode(file).is_some()).count(),
        files: files.len(),
    })
}

/// The time of all processors since the machine began, in ticks, and what of it its host gave to others ("steal").
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Machine {
    all: u64,
    stolen: u64,
}

impl Machine {
    pub fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        Self::of(&stat).unwrap_or_default()
    }

    /// From the first line of `/proc/stat`, in which guests are counted twice: they come last.
    fn of(stat: &str) -> Option<Self> {
        let all = stat.lines().next()?.strip_prefix("cpu ")?;
        let times: Vec<u64> = all
            .split_whitespace()
            .take(8)
            .map_while(|ticks| ticks.parse().ok())
            .collect();
        Some(Self {
            all: times.iter().sum(),
            stolen: *times.get(7)?,
        })
    }

    /// What others had since `before`, per cent.
    pub fn stolen_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        self.stolen.saturating_sub(before.stolen) as f64 * 100.0 / all as f64
    }
}

/// What a process has open, as `/proc/PID/fd` names it: a path, or `socket:[1234]`.
fn files(pid: u32) -> Option<Vec<String>> {
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let open = links.map(|entry| std::fs::read_link(entry.path()).unwrap_or_default());
    Some(open.map(|file| file.to_string_lossy().into_owned()).collect())
}

/// Of a socket.
fn inode(file: &str) -> Option<u64> {
    file.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// From the line of `/proc/PID/stat`: a name may hold anything, so the fields are counted from its end.
fn processor(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields
        .split_whitespace()
        .skip(11)
        .map_while(|field| field.parse::<u64>().ok());
    let ticks = times.next()?.checked_add(times.next()?)?;
    Some(Duration::from_millis(ticks.checked_mul(1_000)? / TICKS))
}

fn number(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A UDP socket of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    port: u16,
    inode: u64,
    /// Datagrams that its queue had no room for.
    dropped: u64,
}

/// As `/proc/net/udp` tells.
fn bound() -> Vec<Bound> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .filter_map(row)
        .collect()
}

fn row(line: &str) -> Option<Bound> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, port) = fields.get(1)?.rsplit_once(':')?;
    Some(Bound {
        port: u16::from_str_radix(port, 16).ok()?,
        inode: fields.get(9)?.parse().ok()?,
        dropped: fields.last()?.parse().ok()?,
    })
}

/// Whether anybody has UDP `port`.
pub fn is_bound(port: u16) -> bool {
    bound().iter().any(|bound| bound.port == port)
}

/// Datagrams that came to UDP `port` and were dropped.
pub fn dropped(port: u16) -> u64 {
    bound()
        .iter()
        .filter(|bound| bound.port == port)
        .map(|bound| bound.dropped)
        .sum()
}

/// UDP ports of `range` that a process has.
pub fn ports(pid: u32, range: &std::ops::RangeInclusive<u16>) -> usize {
    let own: Vec<u64> = files(pid)
        .unwrap_or_default()
        .iter()
        .filter_map(|file| inode(file))
        .collect();
    let ours = |bound: &Bound| range.contains(&bound.port) && own.contains(&bound.inode);
    bound().into_iter().filter(ours).count()
}

/// A process that ends with its owner.
pub struct Owned(pub Child);

impl Owned {
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Whether processes can be kept to one core.
pub fn can_pin() -> bool {
    let version = Command::new("taskset")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// `program` on the first core alone, where that can be had.
pub fn on_one_core(program: &str) -> Command {
    on_cores(1, program)
}

/// `program` on the first `count` cores alone, where that can be had.
pub fn on_cores(count: usize, program: &str) -> Command {
    let last = count.saturating_sub(1).min(cores().saturating_sub(1));
    if !can_pin() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &format!("0-{last}"), program]);
    command
}

/// This process on the cores that [`on_one_core`] leaves.
pub fn off_that_core() {
    off_cores(1);
}

/// This process on the cores after the first `count`; on all where there are no more. Whether there are.
pub fn off_cores(count: usize) -> bool {
    let cores = cores();
    if cores <= count || !can_pin() {
        return false;
    }
    let (others, own) = (format!("{count}-{}", cores - 1), std::process::id().to_string());
    let mut command = Command::new("taskset");
    command
        .args(["-a", "-c", "-p", &others, &own])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_tables_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 5 1 1";
        assert_eq!(processor(stat), Some(Duration::from_secs(3)));
        assert_eq!(processor("7 (a"), None);
        let line =
            "  12: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 22 2 0 17";
        let found = Bound {
            port: 5_060,
            inode: 22,
            dropped: 17,
        };
        assert_eq!(row(line), Some(found));
        assert_eq!((inode("socket:[22]"), inode("/dev/null")), (Some(22), None));
        assert_eq!(number("Name: x\nVmRSS:\t  100 kB\n", "VmRSS:"), Some(100.0));
    }

    #[test]
    fn what_others_had_is_told() {
        let machine = |stat| Machine::of(stat).expect("a line");
        let before = machine("cpu  1000 0 500 3000 0 0 0 10 7 7\ncpu0 1 2 3 4 5 6 7 8 0 0\n");
        let after = machine("cpu  1050 0 500 3140 0 0 0 20 9 9\n");
        assert_eq!(after.stolen_since(before), 5.0);
        assert_eq!((Machine::of("cpu 1 2"), Machine::of("")), (None, None));
    }

    #[test]
    fn this_process_is_there() {
        let usage = usage(std::process::id()).expect("Linux");
        assert!(
            usage.memory_kb > 100.0 && usage.threads >= 1 && usage.files >= 3,
            "{usage:?}"
        );
    }
}
