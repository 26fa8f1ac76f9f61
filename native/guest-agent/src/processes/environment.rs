//! The variables of a command: base < `/etc/environment` < refresh `env` < the command's own. Few, so a list in order is
//! enough.

use std::ffi::CString;

use crate::accounts::User;
use crate::protocol::OpError;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Default, Clone)]
pub struct Environment {
    variables: Vec<(String, String)>,
}

impl Environment {
    pub fn base(user: &User, is_terminal: bool) -> Self {
        let mut base = Self::default();
        base.set("PATH", PATH);
        base.set("HOME", &user.home);
        base.set("USER", &user.name);
        base.set("LOGNAME", &user.name);
        base.set("SHELL", &user.shell);
        base.set("LANG", "C.UTF-8");
        if is_terminal {
            base.set("TERM", "xterm-256color");
        }
        base
    }

    /// Lines `NAME=value` as in `/etc/environment`: optional `export`, quotes and comments; what is neither is passed over.
    pub fn add_lines(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let line = line.strip_prefix("export ").unwrap_or(line);
            let Some((name, value)) = line.split_once('=') else { continue };
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !name.is_empty() && name.chars().all(is_name) && !value.contains('\0') {
                self.set(name, unquoted(value.trim()));
            }
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        match self.variables.iter_mut().find(|(existing, _)| existing == name) {
            Some((_, existing)) => value.clone_into(existing),
            None => self.variables.push((name.to_owned(), value.to_owned())),
        }
    }

    pub fn add(&mut self, variables: &[(String, String)]) {
        for (name, value) in variables {
            self.set(name, value);
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(existing, _)| existing == name).map(|(_, value)| value.as_str())
    }

    pub fn to_c_strings(&self) -> Vec<CString> {
        let one = |(name, value): &(String, String)| CString::new(format!("{name}={value}")).ok();
        self.variables.iter().filter_map(one).collect()
    }

    /// A map of strings from the peer.
    pub fn variables_of(key: &str, json: Option<&crate::json::Json>) -> Result<Vec<(String, String)>, OpError> {
        let Some(json) = json else { return Ok(Vec::new()) };
        let wrong = || OpError::bad_request(format!("{key} is not a map of strings, or holds NUL or '='"));
        let mut variables = Vec::new();
        for (name, value) in json.as_object().ok_or_else(wrong)? {
            let value = value.as_str().ok_or_else(wrong)?;
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(wrong());
            }
            variables.push((name.clone(), value.to_owned()));
        }
        Ok(variables)
    }
}

fn unquoted(value: &str) -> &str {
    let inside = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_system_are_read_as_sessions_read_them() {
        let mut env = Environment::base(&User::root(), false);
        env.add_lines("# comment\nA=1\nexport B=\"two words\"\nC='x'\nnot a line\n=empty\nD-E=no\nHOME=/elsewhere\n");
        assert_eq!(env.get("A"), Some("1"));
        assert_eq!(env.get("B"), Some("two words"));
        assert_eq!(env.get("C"), Some("x"));
        assert_eq!(env.get("D-E"), None);
        assert_eq!(env.get("HOME"), Some("/elsewhere"));
        assert_eq!(env.get("PATH"), Some(PATH));
    }
}
