"""`taper serve` on the sample bundle, for the tests beside this file.

TAPER and TAPER_BUNDLE name the program and the bundle (`Scripts/test-serve.sh` sets them).
"""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time

KEY = "key-of-the-tests"


class Server:
    """A server at a free port, with a key; ends with the `with` statement, and must end well."""

    def __init__(self, *flags, bundles=1):
        self.folder = tempfile.TemporaryDirectory()
        keys = os.path.join(self.folder.name, "keys")
        with open(keys, "w") as file:
            file.write(KEY + "\n")
        path = os.environ["TAPER_BUNDLE"]
        names = [os.path.join(self.folder.name, name + ".taper") for name in ("tiny", "other")[:bundles]]
        for name in names:
            os.symlink(os.path.abspath(path), name)
        self.process = subprocess.Popen(
            [os.environ["TAPER"], "serve", *names, "--port", "0", "--api-key-file", keys, *flags],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.lines = []
        self.address = None
        ready = threading.Event()
        threading.Thread(target=self._read, args=(ready,), daemon=True).start()
        if not ready.wait(60) or self.address is None:
            self.process.kill()
            raise RuntimeError("the server did not start: " + "\n".join(self.lines))

    def _read(self, ready):
        with self.process.stderr as lines:
            self._take(lines, ready)

    def _take(self, lines, ready):
        for line in lines:
            self.lines.append(line.rstrip())
            found = re.search(r"http://\S+:\d+", line)
            if found and self.address is None:
                self.address = found.group(0)
                ready.set()
        ready.set()

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptor_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        """Ends it by SIGTERM; seconds that it took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert code == 0, f"exit code {code}: " + "\n".join(self.lines[-20:])
        return time.monotonic() - start

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            self.folder.cleanup()
        # What was asked and the key stay out of what it says.
        said = "\n".join(self.lines)
        assert KEY not in said and "Noah" not in said, said
