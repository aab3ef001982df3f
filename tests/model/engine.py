"""The engine under test: a process that answers requests on a pipe, or a mount's /.api."""
import json
import os
import signal
import subprocess


class Failed(Exception):
    """A refusal: its type without the namespace, and its message."""

    def __init__(self, body):
        super().__init__(body)
        self.type = body["__type"].rsplit("#", 1)[-1]
        self.message = body.get("message", body.get("Message", ""))
        self.body = body


class Pipe:
    """Requests are lines "OPERATION JSON", responses lines of JSON; pipe.c has more about views."""

    def __init__(self, program, store):
        self.program, self.store = program, store
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program, self.store], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def call(self, operation, request):
        return self.act(operation, json.dumps(request))

    def act(self, name, text):
        self.process.stdin.write(b"%s %s\n" % (name.encode(), text.encode()))
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the engine is gone: status %s" % self.process.wait())
        return answered(json.loads(line))

    def crash(self):
        """What was acknowledged must be there afterwards."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()

    def restart(self):
        self.stop()
        self.start()

    def stop(self):
        self.process.stdin.close()
        if self.process.wait():
            raise RuntimeError("the engine ended with %d" % self.process.returncode)


class Mount:
    """The same through the files of a mount, which this does not start."""

    def __init__(self, mountpoint):
        self.mountpoint = mountpoint

    def call(self, operation, request):
        file = os.open("%s/.api/%s" % (self.mountpoint, operation), os.O_RDWR)
        try:
            os.write(file, json.dumps(request).encode())
            parts = []
            while part := os.read(file, 1 << 20):
                parts.append(part)
        finally:
            os.close(file)
        return answered(json.loads(b"".join(parts)))

    def crash(self):
        pass

    restart = stop = crash


def answered(response):
    if "__type" in response:
        raise Failed(response)
    return response
