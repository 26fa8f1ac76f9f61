//! Users and groups, read from `/etc/passwd` and `/etc/group` by the agent itself: a static binary can't load the
//! libraries behind `getpwnam`.

mod cached_file;
mod group;
mod passwd;

use cached_file::CachedFile;
pub use passwd::User;

use crate::protocol::{Code, OpError};

/// The files, kept until they change: most commands run as the same user.
pub struct Accounts {
    passwd: CachedFile,
    group: CachedFile,
    environment: CachedFile,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            passwd: CachedFile::new("/etc/passwd"),
            group: CachedFile::new("/etc/group"),
            environment: CachedFile::new("/etc/environment"),
        }
    }
}

impl Accounts {
    /// `user` is a name or a number. A number without an entry is a user of its own with the same group and home `/`.
    pub fn user(&mut self, user: &str) -> Result<User, OpError> {
        let passwd = self.passwd.text();
        if let Some(found) = passwd::by_name(passwd, user) {
            return Ok(found);
        }
        if let Ok(uid) = user.parse::<u32>() {
            return Ok(passwd::by_uid(passwd, uid).unwrap_or_else(|| User::without_entry(uid)));
        }
        if user == "root" {
            return Ok(User::root());
        }
        Err(OpError::new(Code::UserNotFound, format!("user {user} does not exist")))
    }

    /// `/etc/environment`: what the system's maker wants every session to have.
    pub fn system_environment(&mut self) -> &str {
        self.environment.text()
    }

    /// All groups of the user, its own first.
    pub fn groups_of(&mut self, user: &User) -> Vec<u32> {
        group::groups_of(self.group.text(), user)
    }

    pub fn group_id(&mut self, group: &str) -> Result<u32, OpError> {
        group::by_name(self.group.text(), group)
            .or_else(|| group.parse().ok())
            .ok_or_else(|| OpError::new(Code::UserNotFound, format!("group {group} does not exist")))
    }

    /// The name, or the number as text.
    pub fn user_name(&mut self, uid: u32) -> String {
        passwd::by_uid(self.passwd.text(), uid).map_or_else(|| uid.to_string(), |user| user.name)
    }

    pub fn group_name(&mut self, gid: u32) -> String {
        group::name_of(self.group.text(), gid).map_or_else(|| gid.to_string(), str::to_owned)
    }
}
