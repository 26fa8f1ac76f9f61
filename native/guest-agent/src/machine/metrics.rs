//! `metrics`, from /proc and the root file system. Asked for often, so it reads no more than it needs.

use std::fs;

use crate::agent::Agent;
use crate::json::ObjectWriter;
use crate::protocol::OpError;

impl Agent {
    pub(crate) fn metrics(&mut self, stream: u32) -> Result<(), OpError> {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let (disk_total, disk_used) = disk();
        let mut load_words = load.split_whitespace();
        let load1 = load_words.next().filter(|word| word.parse::<f64>().is_ok()).unwrap_or("0");
        let tasks = load_words.nth(2).and_then(|word| word.split('/').nth(1)?.parse::<i64>().ok());
        let answer = ObjectWriter::new()
            .int("cpu_ms", busy_ms(&stat))
            .int("cpus", stat.lines().filter(|line| is_cpu(line)).count() as i64)
            .int("memory_total_bytes", memory_bytes(&memory, "MemTotal:"))
            .int("memory_available_bytes", memory_bytes(&memory, "MemAvailable:"))
            .int("disk_total_bytes", disk_total)
            .int("disk_used_bytes", disk_used)
            .int("processes", tasks.filter(|count| *count > 0).unwrap_or_else(processes))
            .raw("load1", load1.as_bytes())
            .int("uptime_ms", uptime.split_whitespace().next().map_or(0, seconds_to_ms))
            .finish();
        self.finish(stream, Ok(answer));
        Ok(())
    }
}

/// Where the kernel does not count them (gVisor).
fn processes() -> i64 {
    let is_process = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter(|entry| is_process(&entry.file_name())).count() as i64
}

fn is_cpu(line: &str) -> bool {
    line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// Everything but idle and waiting for disks, in ticks of 10 ms (USER_HZ).
fn busy_ms(stat: &str) -> i64 {
    let Some(line) = stat.lines().next() else { return 0 };
    let ticks = |word: &str| word.parse::<i64>().unwrap_or(0);
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    let fields: Vec<i64> = line.split_whitespace().skip(1).take(8).map(ticks).collect();
    fields.iter().enumerate().filter(|(index, _)| *index != 3 && *index != 4).map(|(_, ticks)| ticks * 10).sum()
}

fn memory_bytes(text: &str, key: &str) -> i64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<i64>().ok()).unwrap_or(0) * 1024
}

/// "12.34" to 12340, without floating point.
fn seconds_to_ms(text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let hundredths: i64 = fraction.parse().unwrap_or(0);
    whole.parse::<i64>().unwrap_or(0) * 1000 + hundredths * 10
}

/// Total and used bytes of the root file system.
fn disk() -> (i64, i64) {
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    if unsafe { libc::statvfs(c"/".as_ptr(), &mut found) } < 0 {
        return (0, 0);
    }
    let block = found.f_frsize as i64;
    (found.f_blocks as i64 * block, (found.f_blocks as i64 - found.f_bfree as i64) * block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let stat = "cpu  10 1 20 1000 50 2 3 4 0 0\ncpu0 10 1 20 1000 50 2 3 4 0 0\nintr 5\n";
        assert_eq!(busy_ms(stat), 400);
        assert_eq!(stat.lines().filter(|line| is_cpu(line)).count(), 1);
        assert_eq!(memory_bytes("MemTotal:  2048 kB\nMemAvailable: 1024 kB\n", "MemAvailable:"), 1_048_576);
        assert_eq!(seconds_to_ms("12.34"), 12_340);
        assert_eq!(busy_ms(""), 0);
    }
}
