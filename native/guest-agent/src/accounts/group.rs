//! `/etc/group`: `name:x:gid:member,member`.

use super::User;

fn fields(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let gid = fields.nth(1)?.parse().ok()?;
    Some((name, gid, fields.next().unwrap_or("")))
}

pub fn by_name(text: &str, name: &str) -> Option<u32> {
    text.lines().filter_map(fields).find(|group| group.0 == name).map(|group| group.1)
}

pub fn name_of(text: &str, gid: u32) -> Option<&str> {
    text.lines().filter_map(fields).find(|group| group.1 == gid).map(|group| group.0)
}

pub fn groups_of(text: &str, user: &User) -> Vec<u32> {
    let mut groups = vec![user.gid];
    for (_, gid, members) in text.lines().filter_map(fields) {
        if gid != user.gid && members.split(',').any(|member| member == user.name) {
            groups.push(gid);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_group_first_then_memberships() {
        let text = "root:x:0:\nsudo:x:27:bob,ana\nana:x:1001:\ndocker:x:99:anatol,ana\nbad:x:NaN:ana\n";
        let ana = User { name: "ana".into(), gid: 1001, ..User::without_entry(1000) };
        assert_eq!(groups_of(text, &ana), [1001, 27, 99]);
        assert_eq!(by_name(text, "sudo"), Some(27));
        assert_eq!(name_of(text, 99), Some("docker"));
    }
}
