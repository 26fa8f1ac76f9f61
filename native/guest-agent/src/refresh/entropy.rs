//! Fresh randomness: without it every copy of a snapshot draws the same numbers.

use std::fs::File;
use std::os::fd::AsRawFd;

use crate::base64;

/// `_IOW('R', 3, int[2])` and `_IO('R', 7)`.
const RNDADDENTROPY: libc::Ioctl = 0x4008_5203;
const RNDRESEEDCRNG: libc::Ioctl = 0x5207;
const SEED_BYTES: std::ops::RangeInclusive<usize> = 32..=512;

/// The kernel's generator, kept open.
pub struct Entropy {
    random: Option<File>,
}

impl Entropy {
    /// `is_ours`: otherwise there is nothing to add to.
    pub fn open(is_ours: bool) -> Self {
        Self { random: is_ours.then(|| File::options().write(true).open("/dev/urandom").ok()).flatten() }
    }

    pub fn add(&self, base64: &str) {
        let Some(random) = &self.random else { return };
        match base64::decode(base64).filter(|seed| SEED_BYTES.contains(&seed.len())) {
            Some(seed) => {
                if let Err(error) = mix(random, &seed) {
                    crate::log!("cannot add entropy: {error}");
                }
            }
            None => crate::log!("entropy is not 32 to 512 bytes in base64"),
        }
    }
}

fn mix(random: &File, seed: &[u8]) -> std::io::Result<()> {
    // struct rand_pool_info: bits credited, bytes, the bytes.
    let mut request = Vec::with_capacity(8 + seed.len());
    request.extend_from_slice(&(seed.len() as u32 * 8).to_ne_bytes());
    request.extend_from_slice(&(seed.len() as u32).to_ne_bytes());
    request.extend_from_slice(seed);
    let fd = random.as_raw_fd();
    // The pool alone is not what processes draw from: the generator is reseeded from it at once.
    let added = unsafe { libc::ioctl(fd, RNDADDENTROPY, request.as_ptr()) };
    let reseeded = unsafe { libc::ioctl(fd, RNDRESEEDCRNG) };
    if added < 0 || reseeded < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}
