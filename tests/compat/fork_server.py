"""Runs work given by one process in another, each piece in a forked copy: what kills the copy is an answer, not the end.

The far side calls serve(work); the near side talks to it through Server. One line of JSON each way.
"""
import json
import os
import select
import signal
import subprocess
import sys
import time


def _answer_of(work, order, limit_s):
    """work(order) in a fork; what it returns, or {"message": how it ended}."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        try:
            answer = work(order)
        except Exception as error:  # whatever it is, it is the answer
            name = type(error).__name__
            answer = {"message": str(error) if name == "error" else f"{name}: {error}"}
        data = json.dumps(answer).encode()
        while data:
            data = data[os.write(writer, data):]
        os._exit(0)
    os.close(writer)
    received, end = b"", time.monotonic() + limit_s
    while True:
        ready, _, _ = select.select([reader], [], [], max(0, end - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reader)
            return {"message": f"hangs (longer than {limit_s} s)"}
        piece = os.read(reader, 1 << 16)
        if not piece:
            break
        received += piece
    os.close(reader)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        return {"message": f"crashes ({signal.Signals(-code).name})"}
    try:
        return json.loads(received)
    except json.JSONDecodeError:
        return {"message": f"ended with {code} without a word"}


def serve(work, limit_s):
    """Answers the orders on stdin until it ends."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer_of(work, json.loads(line), limit_s)), flush=True)


class Server:
    """The process `command`, which calls serve()."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.started = self._read()

    def _read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def ask(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = self._read()
        return answer if answer is not None else {"message": f"the server ended with {self.process.wait()}"}

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
