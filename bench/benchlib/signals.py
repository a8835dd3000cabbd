# SPDX-License-Identifier: GPL-2.0
"""What ends the programs."""

from __future__ import annotations

import signal


def interrupt() -> None:
    """Has SIGTERM, and SIGHUP unless it is ignored (nohup), raise KeyboardInterrupt, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
