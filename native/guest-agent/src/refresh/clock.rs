//! The wall clock.

const NANOSECONDS: i64 = 1_000_000_000;

pub fn set(time_ns: i64) {
    let time = libc::timespec { tv_sec: time_ns.div_euclid(NANOSECONDS), tv_nsec: time_ns.rem_euclid(NANOSECONDS) };
    if unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &time) } < 0 {
        crate::log!("cannot set the clock: {}", std::io::Error::last_os_error());
    }
}

pub fn now_ns() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    now.tv_sec * NANOSECONDS + now.tv_nsec
}

pub fn now_ms() -> i64 {
    now_ns() / 1_000_000
}
