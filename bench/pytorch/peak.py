"""Runs a program and adds the peak memory of its process to the line of JSON it prints.

usage: peak.py PROGRAM WORD...
"""
import json
import resource
import signal
import subprocess
import sys


def megabytes(who):
    """Peak resident memory in MiB; the system counts in KiB, macOS in bytes."""
    return round(resource.getrusage(who).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10))


if __name__ == "__main__":
    # Turned into an exception, the signal makes subprocess end the program as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.stdout.write(done.stdout)
        sys.exit(done.returncode)
    line = json.loads(done.stdout.rstrip().split("\n")[-1])
    print(json.dumps({**line, "peak_mb": megabytes(resource.RUSAGE_CHILDREN)}))
