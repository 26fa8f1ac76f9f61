//! `refresh`: what makes a restored or forked guest itself. Applied in the order of the contract: randomness before HELLO_OK,
//! the rest before the next frame.

pub mod clock;
mod entropy;
mod hooks;
mod identity;

pub use entropy::Entropy;
pub use hooks::{AfterHooks, HookRun, BEFORE_SNAPSHOT_FOLDER, ON_RESTORE_FOLDER};
pub use identity::{Identity, BOOT_ID_PATH};

use crate::agent::Agent;
use crate::json::Json;
use crate::processes::Environment;

#[derive(Default)]
pub struct Refreshed {
    generation: Option<String>,
    /// The base environment of every later process.
    pub env: Vec<(String, String)>,
    /// Lets a TCP connection in.
    pub token: Option<String>,
    /// Whether there were executables for a restore when the last snapshot was made ready: no need to look again in its copies.
    pub hooks_at_snapshot: Option<bool>,
}

impl Refreshed {
    pub fn new(token: Option<String>) -> Self {
        Self { token, ..Self::default() }
    }
}

impl Agent {
    /// False: this generation has been here before, nothing is to be done.
    pub(crate) fn begin_refresh(&mut self, refresh: &Json) -> bool {
        let text = |key: &str| refresh.get(key).and_then(Json::as_str);
        if let Some(generation) = text("generation") {
            if self.refreshed.generation.as_deref() == Some(generation) {
                return false;
            }
            self.refreshed.generation = Some(generation.to_owned());
        }
        if let Some(seed) = text("entropy") {
            self.entropy.add(seed);
        }
        if self.machine.is_own() {
            if let Some(boot_id) = text("boot_id") {
                self.identity.announce(boot_id);
            }
        }
        true
    }

    pub(crate) fn wants_hooks(&mut self, refresh: &Json) -> bool {
        let known = self.refreshed.hooks_at_snapshot.take();
        is_set(refresh, "hooks") && known.unwrap_or_else(|| hooks::exist_in(ON_RESTORE_FOLDER))
    }

    /// Applies each part for its own: one that fails is logged, the others still count.
    pub(crate) fn refresh(&mut self, refresh: &Json) {
        let text = |key: &str| refresh.get(key).and_then(Json::as_str);
        if self.machine.is_own() {
            self.identity.set(text("hostname"), text("machine_id"), text("boot_id"));
        }
        if let Some(token) = text("token") {
            self.refreshed.token = Some(token.to_owned());
        }
        if refresh.get("env").is_some() {
            match Environment::variables_of("env", refresh.get("env")) {
                Ok(env) => self.refreshed.env = env,
                Err(error) => crate::log!("refresh: {}", error.message),
            }
        }
        if let Some(reset) = self.connection_reset.as_ref().filter(|_| is_set(refresh, "reset_connections")) {
            if let Err(error) = reset.reset() {
                crate::log!("cannot reset connections: {error}");
            }
        }
    }

    pub(crate) fn note_hooks(&mut self) {
        self.refreshed.hooks_at_snapshot = Some(hooks::exist_in(ON_RESTORE_FOLDER));
    }
}

fn is_set(refresh: &Json, key: &str) -> bool {
    refresh.get(key).and_then(Json::as_bool).unwrap_or(false)
}
