"""The outer wall: bubblewrap around a warmed process. Fails closed.

Inside there is a read-only system, Python with its packages, `course` and the four modules that
the candidate needs. There is no network, no home, no course root, no gradebook, no submission, no
test, no other process, and no way to write anything that outlives a notebook. fence.py adds the
inner wall, around each notebook.

Works for root, who becomes nobody inside, and for an ordinary user, through a user namespace.
Source: bwrap(1), 0.8 or newer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from autograder.errors import SandboxMissing
from autograder.fence import NOBODY

INSTALL = "Install it, for example with: apt install bubblewrap"
WITHOUT = (
    "To grade work that you trust as your own without a sandbox, ask for it by name: "
    "--sandbox none. That is recorded with the grades."
)
SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32"]
FILES = ["/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/alternatives"]
HERE = Path(__file__).resolve().parent
MODULES = ["__init__", "zygote", "candidate", "fence", "cells", "channel", "wire"]
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MPLCONFIGDIR": "/tmp/.matplotlib",
    "IPYTHONDIR": "/tmp/.ipython",
    # A thread of a library's own would not survive the fork, and counts as a process.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def command(program: list[str]) -> list[str]:
    """The command line that runs `program` inside the wall. Raises SandboxMissing."""
    return [*_bwrap(), *_walls(), "--", *program]


def user() -> int | None:
    """Whom the process inside must become: root becomes nobody, anyone else stays."""
    return NOBODY if os.geteuid() == 0 else None


@cache
def _bwrap() -> tuple[str, ...]:
    """bwrap and how it makes namespaces here, tried once."""
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxMissing(
            f"There is no sandbox: bubblewrap is not installed. {INSTALL}\n{WITHOUT}"
        )
    spaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    spaces.append("--unshare-cgroup-try")
    if os.geteuid() == 0:
        # Its capabilities are for _become in zygote.py, which gives them all up.
        spaces += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        spaces.append("--unshare-user")
    start = [found, *spaces]
    tried = subprocess.run(
        [*start, "--ro-bind", "/", "/", "--dev", "/dev", "--", "/bin/true"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    if tried.returncode:
        why = tried.stderr.strip() or f"exit code {tried.returncode}"
        raise SandboxMissing(
            f"There is no sandbox: bubblewrap cannot make namespaces on this machine ({why}). "
            "In a container, the host must allow user namespaces; on Ubuntu, see the AppArmor "
            f"setting kernel.apparmor_restrict_unprivileged_userns.\n{WITHOUT}"
        )
    return tuple(start)


def _walls() -> list[str]:
    """What can be seen inside, and nothing more."""
    walls = ["--new-session", "--clearenv", "--hostname", "notebook"]
    bound = [*_python_folders(), *_course_folders(), *(str(HERE / f"{m}.py") for m in MODULES)]
    for path in SYSTEM:
        if Path(path).is_symlink():
            walls += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).is_dir():
            walls += ["--ro-bind", path, path]
    walls += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
    for folder in _above([*FILES, *bound]):  # left to itself, bwrap makes them for root alone
        walls += ["--perms", "0755", "--dir", folder]
    for path in FILES:
        walls += ["--ro-bind-try", path, path]
    for path in bound:
        walls += ["--ro-bind", path, path]
    for name, value in ENVIRONMENT.items():
        walls += ["--setenv", name, value]
    walls += ["--setenv", "PYTHONPATH", str(HERE.parent)]
    return [*walls, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"]


def _python_folders() -> list[str]:
    """Where this Python and its packages are, outermost first, without repeats."""
    found = {os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    found |= {sys.prefix, sys.base_prefix}
    outside = sorted(p for p in found if not _inside(p, SYSTEM))
    return [p for p in outside if not _inside(p, [q for q in outside if q != p])]


def _course_folders() -> list[str]:
    """The package `course`, if it lies outside of Python's own folders."""
    import course

    folder = str(Path(course.__file__).resolve().parent)
    return [] if _inside(folder, [*SYSTEM, *_python_folders()]) else [folder]


def _above(paths: list[str]) -> list[str]:
    """Every folder above one of the paths, outermost first."""
    above = {str(parent) for path in paths for parent in Path(path).parents}
    return sorted(folder for folder in above - {"/"} if not _inside(folder, SYSTEM))


def _inside(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)
