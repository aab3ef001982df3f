"""A store of one's own on a mountpoint of one's own; also for ../history."""
import os
import signal
import subprocess
import sys
import tempfile
import time


class Mismatch(Exception):
    pass


class Mount:
    """A store and its mountpoint; the daemon runs in the foreground of a child."""

    def __init__(self, program):
        self.program, self.daemon = program, None
        self.work = tempfile.mkdtemp(prefix="dynamount-fuzz.")
        self.store, self.path = self.work + "/store", self.work + "/mnt"
        os.mkdir(self.path)
        self.stderr = open(self.work + "/stderr", "w+b")

    def start(self):
        self.daemon = subprocess.Popen([self.program, self.store, self.path, "-f"], stderr=self.stderr)
        until = time.monotonic() + 30
        while not os.path.exists(self.path + "/.status"):
            if self.daemon.poll() is not None or time.monotonic() > until:
                sys.exit("the mount does not come: " + self.said())
            time.sleep(0.01)

    def said(self):
        self.stderr.seek(0)
        return self.stderr.read().decode()

    def stop(self):
        """The daemon must end well and without a word."""
        subprocess.run(["umount", self.path], check=True, timeout=60)
        status = self.daemon.wait(timeout=60)
        self.daemon = None
        if status or self.said():
            raise Mismatch("the daemon ended with %d: %s" % (status, self.said()))

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        self.daemon = None
        subprocess.run(["umount", "-l", self.path], stderr=subprocess.DEVNULL)

    def refusals(self):
        """The last of what /.errors has, or nothing when that cannot be had."""
        try:
            with open(self.path + "/.errors", errors="replace") as f:
                return "".join(f.readlines()[-5:])
        except OSError:
            return ""

    def check(self):
        result = subprocess.run([self.program, "check", self.store], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if result.returncode or result.stdout:
            raise Mismatch("check: " + result.stdout.decode())

    def done(self):
        if self.daemon:
            self.kill()
        subprocess.run(["rm", "-rf", self.work])
