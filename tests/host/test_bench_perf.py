# SPDX-License-Identifier: GPL-2.0
"""Behaviour of the timed runs' profiles: perf's samples are folded to whole call stacks, and nothing else is taken for one."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from benchlib import perf, profile  # noqa: E402

SAMPLES = """\
fio   171    1001001 cpu-clock:ppp: 
\tffffffff813bfda6 blk_mq_start_request (/lib/modules/6.1.0/build/vmlinux)
\tffffffffc0300010 _ZN8null_blk4Path8queue_rqEv (/lib/modules/6.1.0/build/vmlinux)
\tffffffff81457fbe blk_mq_dispatch (/lib/modules/6.1.0/build/vmlinux)
\t           f838f __GI___libc_write (/usr/lib/x86_64-linux-gnu/libc.so.6)
\t           9dcc8 [unknown] (/usr/bin/fio)

fio   171    1001001 cpu-clock:ppp: 
\tffffffff813bfda6 blk_mq_start_request (/lib/modules/6.1.0/build/vmlinux)
\tffffffffc0300010 _ZN8null_blk4Path8queue_rqEv ([null_blk_cpp])
\tffffffff81457fbe blk_mq_dispatch (/lib/modules/6.1.0/build/vmlinux)
\t           f838f __GI___libc_write (/usr/lib/x86_64-linux-gnu/libc.so.6)

fio   171    4000000000 cpu-clock:ppp: 
\t           9dcc8 [unknown] (/usr/bin/fio)

kworker/0:1 x   18    5 cpu-clock:ppp: 
\tffffffffc0400000 end_cmd (/lib/modules/6.1.0/kernel/drivers/block/null_blk/null-blk.ko.xz)
\tffffffff81000000 worker_thread ([kernel.kallsyms])
\tffffffffc0500000 [unknown] ([unknown])

perf   170    7 cpu-clock:ppp: 
\tffffffff81000000 vfs_write ([kernel.kallsyms])

swapper     0    7 cpu-clock:ppp: 
\tffffffff81ce5fff pv_native_safe_halt ([kernel.kallsyms])

swapper     0    9 cpu-clock:ppp: 
\tffffffff81000000 hrtimer_interrupt ([kernel.kallsyms])
\tffffffff81000000 asm_sysvec_apic_timer_interrupt ([kernel.kallsyms])
\tffffffff81000000 do_idle ([kernel.kallsyms])
"""


SYMBOLS = """\
ffffffff813bfda0 T blk_mq_start_request
ffffffff81000000 t worker_thread
ffffffffc0300000 t _ZN8null_blk4Path8queue_rqEv\t[null_blk_cpp]
ffffffffc0400000 t end_cmd\t[null_blk]
ffffffffc0400100 t worker_thread\t[null_blk]
"""


def folded(tmp_path, samples, code=0):
    """What the script prints of perf's samples, with fio's output behind it."""
    (tmp_path / "samples").write_text(samples)
    (tmp_path / "symbols").write_text(SYMBOLS)
    tool = tmp_path / "perf"
    tool.write_text(f"#!/bin/sh\ncat {tmp_path}/samples\necho perf has a bad day >&2\nexit {code}\n")
    tool.chmod(0o755)
    script = f'die() {{ echo "$*" >&2; exit 1; }}\nPATH={tmp_path}:$PATH\ncd {tmp_path}\n{perf.FOLD.replace("/proc/kallsyms", "symbols")}echo "@@ fio"\necho rest\n'
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30)


def test_samples_are_folded(tmp_path):
    rest, unit, found = perf.take("@@ conditions_a\nx\n" + folded(tmp_path, SAMPLES).stdout)
    assert rest == "@@ conditions_a\nx\n@@ fio\nrest\n" and unit == "ns"
    assert found == {
        "[user];blk_mq_dispatch;null_blk::Path::queue_rq [null_blk_cpp];blk_mq_start_request": 2002002,
        "[user]": 4000000000,
        "[lost];worker_thread;end_cmd [null_blk]": 5,
        "do_idle;asm_sysvec_apic_timer_interrupt;hrtimer_interrupt": 9,
    }


def test_perf_that_fails_ends_the_script_with_its_words(tmp_path):
    done = folded(tmp_path, "", code=1)
    assert done.returncode == 1 and done.stderr == "perf: perf has a bad day\n"


@pytest.mark.parametrize(("printed", "said"), [("@@ fio\n", "printed nothing"), ("@@ stacks\n\n@@ fio\n", "no samples"), ("@@ stacks\ncycles:\n@@ fio\n", "no samples")])
def test_no_profile_is_an_error(printed, said):
    with pytest.raises(profile.ProfileError, match=said):
        perf.take(printed)


def test_what_is_no_stack_is_an_error():
    with pytest.raises(profile.ProfileError, match="were not understood: many main"):
        perf.take("@@ stacks\ncycles\nmany main\n@@ fio\n")
