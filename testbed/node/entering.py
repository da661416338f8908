"""Runs a function in another network namespace, without a process of its own.

A network namespace belongs to a thread: a fresh one enters it, works and ends. What it opened
stays in that namespace, so a socket that was made there serves from here. Mount and process
namespaces cannot be entered like this: `namespaces.py` starts programs in those.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

CLONE_NEWNET = 0x40000000
T = TypeVar("T")


def within(network: Path, function: Callable[[], T]) -> T:
    """What the function returns or raises when it runs in that network namespace."""
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            _enter(network)
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _enter(network: Path) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(network, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if library.setns(descriptor, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"cannot enter {network}: {os.strerror(number)}")
    finally:
        os.close(descriptor)
