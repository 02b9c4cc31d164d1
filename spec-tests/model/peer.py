"""peer.py: the command under test as a running process, spoken to without ever waiting in turn.

One thread writes and one reads, so neither side can block the other; lines are answered in order.

SPDX-License-Identifier: Apache-2.0
"""
import queue
import shlex
import subprocess
import threading

PATIENCE = 120


class Peer:
    """A running command. After `broken` nothing more can be asked of it."""

    def __init__(self, command):
        self.process = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out = queue.Queue()
        self.answers = queue.Queue()
        self.errors = []
        self.broken = False
        for work in (self._write, self._read, self._listen):
            threading.Thread(target=work, daemon=True).start()

    def _write(self):
        while True:
            data = self.out.get()
            try:
                if data is None:
                    self.process.stdin.close()
                    return
                self.process.stdin.write(data)
                self.process.stdin.flush()
            except OSError:
                return

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(None)

    def _listen(self):
        """Keeps the first of what the command says on stderr, for the report."""
        for line in self.process.stderr:
            if len(self.errors) < 50:
                self.errors.append(line.decode("utf-8", "replace").rstrip())

    def send(self, lines):
        self.out.put("".join(line + "\n" for line in lines).encode("utf-8"))

    def receive(self):
        """The next answer as text, or None when there will be none."""
        if self.broken:
            return None
        try:
            line = self.answers.get(timeout=PATIENCE)
        except queue.Empty:
            line = None
        if line is None:
            self.broken = True
            return None
        return line.decode("utf-8", "replace").rstrip("\n")

    def ask(self, line):
        """One line, one answer."""
        self.send([line])
        return self.receive()

    def close(self):
        """Ends the process; what it still says is dropped."""
        self.out.put(None)
        if self.broken:
            self.process.kill()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
