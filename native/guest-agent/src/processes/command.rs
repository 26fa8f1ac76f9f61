//! The arguments of `exec`, checked.

use std::ffi::CString;

use crate::accounts::{Accounts, User};
use crate::json::Json;
use crate::processes::spawn::Credentials;
use crate::processes::Environment;
use crate::protocol::args::check_path;
use crate::protocol::{Args, OpError};

/// The default of `replay_bytes`, and its most: a thousand processes may have one each.
const DEFAULT_REPLAY_BYTES: u64 = 262_144;
const MAX_REPLAY_BYTES: u64 = 4 * 1024 * 1024;
const MAX_ID_CHARS: usize = 64;
/// Tags and ids come back in every list.
const MAX_TAG_CHARS: usize = 256;

pub struct Command {
    pub argv: Option<Vec<String>>,
    pub shell: Option<String>,
    pub env: Environment,
    pub cwd: String,
    pub cwd_is_default: bool,
    pub user: User,
    pub credentials: Option<Credentials>,
    pub has_stdin: bool,
    pub timeout_ms: u64,
    /// rows, cols
    pub terminal: Option<(u16, u16)>,
    pub is_detached: bool,
    pub id: Option<String>,
    pub tag: Option<String>,
    pub replay_bytes: usize,
}

impl Command {
    pub fn parse(args: Args<'_>, accounts: &mut Accounts, refreshed: &[(String, String)]) -> Result<Self, OpError> {
        let argv = args.strings("argv")?;
        let shell = args.optional_str("shell")?.map(str::to_owned);
        let texts = argv.iter().flatten().chain(&shell);
        if texts.clone().any(|text| text.contains('\0')) {
            return Err(OpError::bad_request("the command contains NUL"));
        }
        match (&argv, &shell) {
            (Some(argv), None) if argv.first().is_some_and(|name| !name.is_empty()) => {}
            (None, Some(_)) => {}
            _ => return Err(OpError::bad_request("one of argv (not empty) and shell is needed")),
        }
        let terminal = terminal_of(args)?;
        let user = accounts.user(args.optional_str("user")?.unwrap_or("root"))?;
        let groups = accounts.groups_of(&user);
        let mut env = Environment::base(&user, terminal.is_some());
        env.add_lines(accounts.system_environment());
        env.add(refreshed);
        env.add(&Environment::variables_of("env", args.0.get("env"))?);
        let cwd = args.optional_str("cwd")?;
        if let Some(path) = cwd {
            check_path("cwd", path)?;
        }
        let id = args.optional_str("id")?.map(str::to_owned);
        if id.as_ref().is_some_and(|id| id.is_empty() || id.chars().count() > MAX_ID_CHARS) {
            return Err(OpError::bad_request("id has 1 to 64 characters"));
        }
        let tag = args.optional_str("tag")?.map(str::to_owned);
        if tag.as_ref().is_some_and(|tag| tag.chars().count() > MAX_TAG_CHARS) {
            return Err(OpError::bad_request("tag has at most 256 characters"));
        }
        Ok(Self {
            argv,
            shell,
            env,
            cwd: cwd.unwrap_or(&user.home).to_owned(),
            cwd_is_default: cwd.is_none(),
            credentials: credentials_of(&user, groups),
            user,
            has_stdin: args.bool_or("stdin", false)?,
            timeout_ms: args.optional_u64("timeout_ms")?.unwrap_or(0),
            terminal,
            is_detached: args.bool_or("detach", false)?,
            id,
            tag,
            replay_bytes: args.optional_u64("replay_bytes")?.unwrap_or(DEFAULT_REPLAY_BYTES).min(MAX_REPLAY_BYTES)
                as usize,
        })
    }

    pub fn argv_c_strings(&self) -> Vec<CString> {
        let words: Vec<&str> = match (&self.argv, &self.shell) {
            (Some(argv), _) => argv.iter().map(String::as_str).collect(),
            (None, shell) => vec!["/bin/sh", "-c", shell.as_deref().unwrap_or("")],
        };
        words.into_iter().filter_map(|word| CString::new(word).ok()).collect()
    }

    /// The files to try: the name itself when it holds a slash, otherwise one per folder of the command's `PATH`.
    pub fn candidates(&self) -> Vec<CString> {
        let name = match &self.argv {
            Some(argv) => argv[0].as_str(),
            None => "/bin/sh",
        };
        if name.contains('/') {
            return CString::new(name).into_iter().collect();
        }
        let folders = self.env.get("PATH").unwrap_or("").split(':');
        folders
            .filter_map(|folder| CString::new(format!("{}/{name}", if folder.is_empty() { "." } else { folder })).ok())
            .collect()
    }
}

/// Nothing to change for root without further groups, which saves three system calls on most commands.
fn credentials_of(user: &User, groups: Vec<u32>) -> Option<Credentials> {
    let is_agent = user.uid == 0 && user.gid == 0 && groups == [0];
    (!is_agent).then_some(Credentials { uid: user.uid, gid: user.gid, groups })
}

fn terminal_of(args: Args<'_>) -> Result<Option<(u16, u16)>, OpError> {
    match args.0.get("pty") {
        None => Ok(None),
        Some(json) => size_of(json).map(Some),
    }
}

/// `{"rows","cols"}`
pub fn size_of(json: &Json) -> Result<(u16, u16), OpError> {
    let side = |key: &str| {
        let value = json.get(key).and_then(Json::as_u64);
        value.and_then(|value| u16::try_from(value).ok()).filter(|value| *value > 0)
    };
    match (side("rows"), side("cols")) {
        (Some(rows), Some(cols)) => Ok((rows, cols)),
        _ => Err(OpError::bad_request("rows and cols are numbers from 1 to 65535")),
    }
}
