"""What is measured: dynamount, the floor, and ext4, each with the same tree mounted."""
import contextlib
import json
import os
import subprocess
import time


def poll(what, answer, seconds=20):
    end = time.monotonic() + seconds
    while not answer():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.01)


class Subject:
    """A mount. `pid` is its daemon's, or 0: the kernel itself."""

    pid = 0

    def __init__(self, name, work):
        self.name = name
        self.mount = os.path.join(work, name)
        os.mkdir(self.mount)

    def stop(self):
        subprocess.run(["umount", "-l", self.mount], check=False, stderr=subprocess.DEVNULL)

    def requests(self):
        """So far, or None where nobody counts."""
        return None

    def settle(self):
        """Returns when nothing that came before is still being worked on."""

    def cpu(self):
        """Seconds that the daemon has used."""
        return 0.0

    def rss(self):
        """Bytes of memory that are the daemon's own."""
        return 0

    def pin(self, cpus):
        """Gives the daemon these CPUs only."""


class Daemon(Subject):
    def __init__(self, name, work, command):
        super().__init__(name, work)
        self.child = subprocess.Popen([argument.replace("MOUNT", self.mount) for argument in command])
        self.pid = self.child.pid
        poll(f"{name}: mount", lambda: os.path.ismount(self.mount) or self.child.poll() is not None)
        if self.child.poll() is not None:
            raise SystemExit(f"{name}: ended with {self.child.returncode}")

    def stop(self):
        subprocess.run(["umount", self.mount], check=False, stderr=subprocess.DEVNULL)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            super().stop()

    def cpu(self):
        return time.clock_gettime(~self.pid << 3 | 2)  # the process's clock, as clock_getcpuclockid(3) makes it

    def settle(self):
        for _ in range(100):
            before = self.cpu()
            time.sleep(0.02)
            if self.cpu() - before < 0.0005:
                return

    def rss(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("RssAnon:"))

    def pin(self, cpus):
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(task), cpus)


class Dynamount(Daemon):
    def __init__(self, work, program, store):
        super().__init__("dynamount", work, [program, store, "MOUNT", "-f"])

    def requests(self):
        with open(os.path.join(self.mount, ".status"), encoding="utf-8") as file:
            return sum(json.load(file)["requests"].values())


class Floor(Daemon):
    def __init__(self, work, program, tree):
        super().__init__("floor", work, [program, "MOUNT", "--load", tree])


class Ext4(Subject):
    """On a loop device, whose file is as near to the disk as the store's is; where there is none, what is at hand."""

    def __init__(self, work, tree, megabytes):
        super().__init__("ext4", work)
        image = os.path.join(work, "image")
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        if subprocess.run(["mount", "-o", "loop", image, self.mount], check=False).returncode:
            kind = subprocess.run(["findmnt", "-no", "FSTYPE", "-T", work], stdout=subprocess.PIPE, check=False, text=True)
            print(f"\nNo loop device: instead of ext4, a directory on {kind.stdout.strip()}")
        subprocess.run(["cp", "-a", f"{tree}/.", self.mount], check=True)
        os.sync()
