#!/usr/bin/python3
"""A worker for tests: answers `echo`, unless a message tells it to do otherwise.

    lie garbage    writes what is no protobuf
    lie half       writes half a frame, and falls silent
    lie cut        writes half a frame, and exits
    lie huge       announces a frame of 2^50 bytes
    lie stranger   answers a batch that it was not given
    lie sequence   answers a message that it was not given
    lie twice      answers twice
    lie hang       never answers

With a file as its argument, it is ready once that file is there.
"""

import os
import sys
import time

import msgproc_worker
from msgproc.worker.v1 import worker_pb2

# It speaks as a good worker does, up to its lie.
# pylint: disable=protected-access

_out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")


def _answer(batch_id, sequence, payload):
    answer = worker_pb2.ResultBatch(batch_id=batch_id)
    answer.results.add(sequence=sequence, payload=payload)
    return answer


def _lie(how, batch, message):
    truth = _answer(batch.batch_id, message.sequence, message.payload)
    half = b"\x64" + truth.SerializeToString()[:10]
    if how == "garbage":
        _out.write(b"\x20" + b"\xff" * 32)
    elif how in ("half", "cut"):
        _out.write(half)
    elif how == "huge":
        _out.write(b"\x80\x80\x80\x80\x80\x80\x80\x02" + half)
    elif how == "stranger":
        msgproc_worker._write(_out, _answer(batch.batch_id + 1, message.sequence, b"wrong"))
    elif how == "sequence":
        msgproc_worker._write(_out, _answer(batch.batch_id, message.sequence + 1, b"wrong"))
    elif how == "twice":
        msgproc_worker._write(_out, truth)
        msgproc_worker._write(_out, _answer(batch.batch_id, message.sequence, b"wrong"))
        return
    _out.flush()
    while how in ("half", "hang"):
        time.sleep(1)
    if how == "cut":
        sys.exit()


def main():
    gate = sys.argv[1] if len(sys.argv) > 1 else None
    msgproc_worker._read(sys.stdin.buffer)
    while gate is not None and not os.path.exists(gate):
        time.sleep(0.01)
    ready = worker_pb2.ResultBatch()
    ready.ready.protocol_version = msgproc_worker.PROTOCOL_VERSION
    msgproc_worker._write(_out, ready)
    while (batch := msgproc_worker._read(sys.stdin.buffer)) is not None:
        for message in batch.messages:
            text = message.payload.decode(errors="replace")
            if text.startswith("lie "):
                _lie(text[4:], batch, message)
            else:
                msgproc_worker._write(
                    _out, _answer(batch.batch_id, message.sequence, message.payload)
                )


if __name__ == "__main__":
    main()
