"""The system calls that a submission may not make, as a filter for the kernel (seccomp, classic BPF).

New processes are refused, new threads are not: so the limits of one process are the limits of the submission. Refused
too is what gets memory past those limits (memfd, System V segments) and what no notebook needs (ptrace, mounts,
namespaces, bpf, ...). Numbers: the kernel's tables of system calls for the two machines.
"""

from __future__ import annotations

import platform
import struct

CLONE_THREAD = 0x00010000
_EPERM, _ENOSYS = 1, 38
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data

_MACHINES = {
    "x86_64": (
        0xC000003E,
        {"clone": 56, "clone3": 435},
        # fork vfork ptrace memfd_create memfd_secret shmget semget msgget unshare setns mount umount2 pivot_root bpf;
        # keyctl add_key request_key userfaultfd perf_event_open io_uring_setup process_vm_readv process_vm_writev;
        # kexec_load init_module finit_module open_by_handle_at
        "57 58 101 319 447 29 64 68 272 308 165 166 155 321 250 248 249 323 298 425 310 311 246 175 313 304",
    ),
    "aarch64": (  # which has no fork and vfork
        0xC00000B7,
        {"clone": 220, "clone3": 435},
        "117 279 447 194 190 186 97 268 40 39 41 280 219 217 218 282 241 425 270 271 104 105 273 265",
    ),
}


def known() -> bool:
    """Whether there is a filter for this machine."""
    return platform.machine() in _MACHINES


def program(machine: str | None = None) -> bytes:
    """The filter, as bubblewrap's `--seccomp` reads it. Raises `KeyError` for a machine without a table."""
    architecture, calls, refused = _MACHINES[machine or platform.machine()]
    code = [_step(_LOAD, _ARCHITECTURE), _step(_EQUAL, architecture, 1, 0), _step(_RETURN, _KILL)]
    code += [_step(_LOAD, _NUMBER)]
    code += [_step(_AT_LEAST, 0x40000000, 0, 1), _step(_RETURN, _ERRNO | _EPERM)]  # the x32 twins of all calls
    for number in map(int, refused.split()):
        code += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _ERRNO | _EPERM)]
    code += [_step(_EQUAL, calls["clone3"], 0, 1), _step(_RETURN, _ERRNO | _ENOSYS)]  # libc then falls back to clone
    code += [_step(_EQUAL, calls["clone"], 1, 0), _step(_RETURN, _ALLOW)]
    code += [_step(_LOAD, _FIRST_ARGUMENT), _step(_ANY_BIT, CLONE_THREAD, 1, 0)]
    code += [_step(_RETURN, _ERRNO | _EPERM), _step(_RETURN, _ALLOW)]
    return b"".join(code)


def _step(operation: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction: struct sock_filter."""
    return struct.pack("=HBBI", operation, if_true, if_false, operand)
