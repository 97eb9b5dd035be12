"""`python -m tests.benchmarks.peak command ...`: run it, then print the peak memory, in KiB, of it and its children.

A process of its own, and a small one: a new process's peak begins with the size of the one that started it.
"""

import os
import subprocess
import sys

process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
