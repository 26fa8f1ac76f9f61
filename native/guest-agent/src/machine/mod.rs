//! Operations on the machine as a whole.

mod metrics;
mod quiesce;
pub mod shutdown;
mod volumes;

use crate::jobs::Work;
use crate::protocol::{Args, OpError};

pub fn work(op: &str, args: Args<'_>) -> Option<Result<Work, OpError>> {
    match op {
        "volume.mount" => Some(volumes::mount_work(args)),
        "volume.unmount" => Some(volumes::unmount_work(args)),
        "volume.grow" => Some(volumes::grow_work(args)),
        "volume.read_only" => Some(volumes::read_only_work(args)),
        "volume.sync" => Some(volumes::sync_work(args)),
        _ => None,
    }
}
