//! `/etc/passwd`: `name:x:uid:gid:gecos:home:shell`.

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
    pub shell: String,
}

impl User {
    pub fn root() -> Self {
        Self { name: "root".into(), uid: 0, gid: 0, home: "/root".into(), shell: "/bin/sh".into() }
    }

    pub fn without_entry(uid: u32) -> Self {
        Self { name: uid.to_string(), uid, gid: uid, home: "/".into(), shell: "/bin/sh".into() }
    }
}

fn parse(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let or = |text: Option<&str>, default: &str| match text {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => default.to_owned(),
    };
    Some(User { name: name.to_owned(), uid, gid, home: or(fields.nth(1), "/"), shell: or(fields.next(), "/bin/sh") })
}

pub fn by_name(text: &str, name: &str) -> Option<User> {
    text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))).find_map(parse)
}

pub fn by_uid(text: &str, uid: u32) -> Option<User> {
    text.lines().filter_map(parse).find(|user| user.uid == uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "root:x:0:0:root:/root:/bin/bash\nbroken\nrooty:x:7:8::/h:\nana:x:1000:1001:A,,:/home/ana:/bin/zsh\n";

    #[test]
    fn finds_by_whole_name_and_by_number() {
        assert_eq!(by_name(TEXT, "root").unwrap().home, "/root");
        assert_eq!(by_name(TEXT, "roo"), None);
        assert_eq!(by_name(TEXT, "rooty").unwrap().shell, "/bin/sh");
        let ana = by_uid(TEXT, 1000).unwrap();
        assert_eq!((ana.name.as_str(), ana.gid, ana.shell.as_str()), ("ana", 1001, "/bin/zsh"));
        assert_eq!(by_name(TEXT, "broken"), None);
    }
}
