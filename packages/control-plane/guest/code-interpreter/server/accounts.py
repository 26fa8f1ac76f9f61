"""Whom a kernel runs as, and what its surroundings are for that."""

import os
import pwd

from refusal import Refusal

# What depends on whom a kernel runs as, whatever the sandbox was given.
USERS_OWN = ("HOME", "USER", "LOGNAME", "SHELL")

# As commands have it that were given none.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def account(user):
    try:
        return pwd.getpwnam(user) if not str(user).isdigit() else pwd.getpwuid(int(user))
    except KeyError:
        raise Refusal("user_not_found", f"user: there is no {str(user)[:64]!r} in this sandbox") from None


def spawn_options(entry):
    """For `subprocess`: nothing where the server is that user already."""
    if os.getuid() != 0 or entry.pw_uid == 0:
        return {}
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}


def environment(entry, base_env):
    home = entry.pw_dir if os.path.isdir(entry.pw_dir) else "/"
    own = {"HOME": home, "USER": entry.pw_name, "LOGNAME": entry.pw_name, "SHELL": entry.pw_shell or "/bin/sh"}
    return {"PATH": DEFAULT_PATH, "LANG": "C.UTF-8", **base_env, **own}
