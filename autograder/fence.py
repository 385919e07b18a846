"""The inner wall: what a process gives up before it runs a student's code.

bubblewrap (sandbox.py) builds the outer wall once, around a warmed process: no network, a
read-only system, nothing of the course's secrets. This module builds one more wall around each
submission, inside: a fork of the warmed process takes milliseconds where a start takes seconds.

    namespaces   user, PID, IPC, network, host name and mounts of its own: when its first process
                 ends, the kernel ends all others, and nobody else can be seen or reached
    mounts       /tmp and /dev/shm are empty, small and its own; /proc shows nothing. A checkout
                 or a Python that lies under /tmp is still there, and cannot be written
    limits       memory, processor time, processes, open files, file size (setrlimit)
    capabilities none, and no way back (no_new_privs is set by bubblewrap)
    system calls those that only a break-out needs are refused (seccomp, a classic BPF program)

Raises OSError where the kernel refuses; then no student's code runs. Linux 5.14 or newer, because
older ones count processes per user and not per namespace. Sources: namespaces(7),
capabilities(7), seccomp(2), setrlimit(2). The standard library alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag of clone(2)
MS_NOSUID, MS_NODEV, MS_RDONLY, MS_REC, MS_PRIVATE = 2, 4, 1, 0x4000, 0x40000
MS_BIND, MS_REMOUNT = 0x1000, 0x20
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 22, 24, 38
CAPABILITY_VERSION = 0x20080522
NOBODY = 65534


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Bytes and seconds."""

    memory: int = 1_500_000_000  # of all its processes together
    address_space: int = 4_000_000_000  # of each process
    cpu_s: int = 600
    processes: int = 64
    open_files: int = 256
    file_size: int = 64_000_000
    disk: int = 128_000_000  # of /tmp


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _must(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def leave_namespaces() -> None:
    """Enter new namespaces, all but the one of mounts; the PID one holds for children only."""
    with contextlib.suppress(OSError):  # the first to go when the machine itself runs out
        Path("/proc/self/oom_score_adj").write_text("1000")
    uid, gid = os.geteuid(), os.getegid()
    _must(_libc().prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable")  # else /proc/self is root's
    flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    _must(_libc().unshare(flags), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def close_in(limits: Limits) -> None:
    """In the first process of the new PID namespace: everything else in the list above."""
    libc = _libc()
    _must(libc.unshare(CLONE_NEWNS), "unshare")
    _mount(libc, None, "/", None, MS_REC | MS_PRIVATE, None)
    size = f"size={limits.disk},nr_inodes=10000,mode=0777"
    _own_tmp(libc, size)
    _mount(libc, "tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, size)
    _mount(libc, "tmpfs", "/proc", "tmpfs", MS_RDONLY, "size=0,nr_inodes=1")
    set_limits(limits)
    _drop_capabilities(libc)
    _must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _refuse_calls(libc)


def _own_tmp(libc: ctypes.CDLL, size: str) -> None:
    """A new /tmp; what sandbox.py had bound below the old one is bound below it, to be read."""
    bound = {place: os.open(place, os.O_PATH) for place in Path("/tmp").iterdir()}
    _mount(libc, "tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, size)
    for place, folder in bound.items():
        place.mkdir()
        _mount(libc, f"/proc/self/fd/{folder}", str(place), None, MS_BIND | MS_REC, None)
        locked = MS_NOSUID | MS_NODEV  # flags that the kernel does not let go of here
        _mount(libc, None, str(place), None, MS_REMOUNT | MS_BIND | MS_RDONLY | locked, None)
        os.close(folder)


def _mount(libc: ctypes.CDLL, source: str | None, target: str, kind: str | None, flags: int,
           data: str | None) -> None:  # fmt: skip
    as_bytes = [text.encode() if text else None for text in (source, target, kind, data)]
    result = libc.mount(as_bytes[0], as_bytes[1], as_bytes[2], ctypes.c_ulong(flags), as_bytes[3])
    _must(result, f"mount {target}")


def set_limits(limits: Limits) -> None:
    """The limits that each process carries."""
    import resource

    for name, value in [
        ("RLIMIT_AS", limits.address_space),
        ("RLIMIT_CPU", limits.cpu_s),
        ("RLIMIT_NPROC", limits.processes),
        ("RLIMIT_NOFILE", limits.open_files),
        ("RLIMIT_FSIZE", limits.file_size),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_MEMLOCK", 0),
        ("RLIMIT_MSGQUEUE", 0),
    ]:
        which = getattr(resource, name, None)
        if which is not None:
            hard = resource.getrlimit(which)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (value, value))


def limit_memory(limits: Limits) -> None:
    """For a process that has no fence and handles what came out of one."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system has such limits
        import resource

        room = (limits.address_space, limits.address_space)
        resource.setrlimit(resource.RLIMIT_AS, room)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # the kernel has no more
    header = struct.pack("Ii", CAPABILITY_VERSION, 0)
    _must(libc.capset(header, bytes(24)), "capset")


# System calls that a notebook has no use for: namespaces and mounts, other processes' memory,
# keys, the kernel's own programs, and memory that no limit counts. Numbers: x86_64, aarch64.
REFUSED = {
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438), "kcmp": (312, 272), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "init_module": (175, 105),
    "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190),
    "finit_module": (313, 273), "kexec_load": (246, 104), "syslog": (103, 116),
}  # fmt: skip
CLONE, CLONE3 = (56, 220), (435, 435)
ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
LOAD, JUMP_EQUAL, JUMP_SET, JUMP_FROM, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = 1, 38


def _program() -> bytes:
    """The BPF program: (code, jump if true, jump if false, operand) an instruction."""
    architecture, column = ARCHITECTURES[platform.machine()]
    lines = [
        (LOAD, 0, 0, 4),  # seccomp_data.arch
        (JUMP_EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),  # seccomp_data.nr
        (JUMP_FROM, 0, 1, 0x40000000),  # the x32 calls of x86_64
        (RETURN, 0, 0, KILL),
    ]
    for numbers in REFUSED.values():
        lines += [(JUMP_EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, ERRNO | EPERM)]
    # clone3 hides its flags in memory: libraries fall back to clone, whose flags can be read.
    lines += [(JUMP_EQUAL, 0, 1, CLONE3[column]), (RETURN, 0, 0, ERRNO | ENOSYS)]
    lines += [
        (JUMP_EQUAL, 0, 3, CLONE[column]),
        (LOAD, 0, 0, 16),  # the low half of the first argument
        (JUMP_SET, 0, 1, NEW_NAMESPACES),
        (RETURN, 0, 0, ERRNO | EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def _refuse_calls(libc: ctypes.CDLL) -> None:
    if platform.machine() not in ARCHITECTURES:
        raise OSError(ENOSYS, f"no list of system calls for {platform.machine()}")
    program = _program()
    buffer = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    mode_filter = 2
    _must(libc.prctl(PR_SET_SECCOMP, mode_filter, head, 0, 0), "seccomp")
