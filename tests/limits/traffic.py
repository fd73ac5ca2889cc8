"""Frames by hand, and what a server holds in memory."""

import os
import pathlib
import re

MIB = 1 << 20


def _varint(number):
    encoded = b""
    while number >= 128:
        encoded += bytes([number % 128 + 128])
        number //= 128
    return encoded + bytes([number])


def field(number, content):
    """A field of bytes, or of a message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def numeric_field(number, value):
    """A field that is a number."""
    return _varint(number << 3) + _varint(value)


def message(sequence, payload_bytes, headers=b""):
    """A ProcessRequest with one message; `headers` are encoded already."""
    return field(2, b"\x08" + _varint(sequence) + field(2, bytes(payload_bytes)) + headers)


def open_session(name):
    """A ProcessRequest with an Open."""
    return field(1, field(1, name.encode()) + field(2, name.encode().rjust(16, b"t")))


def _read_varint(encoded, at):
    number = shift = 0
    while True:
        number |= (encoded[at] & 127) << shift
        shift += 7
        at += 1
        if encoded[at - 1] < 128:
            return number, at


def count(frame, number):
    """Returns how often a field is in an encoded message, of varints, bytes and messages."""
    found = at = 0
    while at < len(frame):
        tag, at = _read_varint(frame, at)
        value, at = _read_varint(frame, at)
        if tag & 7 == 2:
            at += value
        found += tag >> 3 == number
    return found


def read(frame, number):
    """Returns a field's last value, bytes or a number; None where there is none."""
    found, at = None, 0
    while at < len(frame):
        tag, at = _read_varint(frame, at)
        value, at = _read_varint(frame, at)
        if tag & 7 == 2:
            value, at = frame[at : at + value], at + value
        if tag >> 3 == number:
            found = value
    return found


def resident(server):
    """Returns the bytes that a process has in memory."""
    pages = pathlib.Path(f"/proc/{server.pid}/statm").read_text(encoding="utf-8").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def peak(server):
    """Returns the most bytes that it ever had in memory."""
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10
