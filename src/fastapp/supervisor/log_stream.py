"""One log of all services: each line with the name of its app, never two lines mixed."""

from __future__ import annotations

import json
import logging
import os
import selectors
import threading
from typing import BinaryIO

from fastapp.logs.context_filter import ContextFilter

_READ = 65536
#: A line that is longer is cut in two; a service must not fill the memory with one line.
_LONGEST = 1 << 20


def mark_plain(name: str, line: bytes) -> bytes:
    """The line with the name before it."""
    return b"%s | %s\n" % (name.encode(), line)


def mark_json(name: str, line: bytes) -> bytes:
    """The line as a JSON object with the key "service".

    A line that is none, as of ``print`` or of a traceback, becomes the message of one.
    """
    key = json.dumps(name).encode()
    if line.startswith(b'{"') and line.endswith(b"}"):
        return b'{"service": %s, %s\n' % (key, line[1:])
    message = json.dumps(line.decode(errors="replace"), ensure_ascii=False).encode()
    return b'{"service": %s, "message": %s}\n' % (key, message)


class LogStream(threading.Thread):
    """Copies lines from the pipes of all services to one stream.

    A thread of its own: when the reader of the stream stops, this waits, while the
    supervisor goes on to obey signals and to restart its services.
    """

    def __init__(self, output: BinaryIO, *, as_json: bool, width: int = 0) -> None:
        super().__init__(name="log-stream", daemon=True)
        self._output = output
        self._mark = mark_json if as_json else mark_plain
        self._width = 0 if as_json else width
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._ending = False
        wake_read, self._wake = os.pipe()
        self._selector.register(wake_read, selectors.EVENT_READ, None)

    def open_pipe(self, name: str) -> int:
        """A descriptor to write lines to, in this process or another."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        with self._lock:
            self._selector.register(read, selectors.EVENT_READ, _Source(name.ljust(self._width)))
        os.write(self._wake, b".")
        return write

    def run(self) -> None:
        """Copy until :meth:`finish` is called and all pipes are at their end."""
        while True:
            with self._lock:
                only_wake = len(self._selector.get_map()) == 1
            if self._ending and only_wake:
                return
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(key.fd, _READ)
                else:
                    self._copy(key.fd, key.data)

    def finish(self, limit: float = 2.0) -> None:
        """Wait until everything that was written is copied, or the time is over."""
        self._ending = True
        os.write(self._wake, b".")
        self.join(limit)

    def _copy(self, descriptor: int, source: _Source) -> None:
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return
        lines = source.split(data)
        if not data:
            with self._lock:
                self._selector.unregister(descriptor)
            os.close(descriptor)
        try:
            self._output.write(b"".join(self._mark(source.name, line) for line in lines))
            self._output.flush()
        except OSError:
            # No one reads the log any more. The services are more important than their log, and
            # they would stop with full pipes.
            return


class _Source:
    """One pipe: the name of who writes to it and the line that is not finished."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rest = b""

    def split(self, data: bytes) -> list[bytes]:
        """Whole lines; with no data, what is left."""
        if not data:
            rest, self._rest = self._rest, b""
            return [rest] if rest else []
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST:
            lines.append(self._rest)
            self._rest = b""
        return [line.rstrip(b"\r") for line in lines]


class StreamHandler(logging.Handler):
    """The supervisor's own records, written to its pipe of the log stream.

    A full pipe loses records instead of stopping the supervisor.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self.addFilter(ContextFilter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            os.write(self._descriptor, self.format(record).encode() + b"\n")
        except BlockingIOError:
            return
        except OSError:
            self.handleError(record)

    def close(self) -> None:
        """Close the pipe."""
        super().close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
