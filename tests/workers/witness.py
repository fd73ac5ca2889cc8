#!/usr/bin/python3
"""A worker for tests: tells what it is told of a message, and dies over some."""

import json
import os
import signal
import sys

import msgproc_worker


def witness(message, context):
    told = {
        "session": context.fields.session_id,
        "client": context.fields.client_name,
        "principal": context.fields.principal,
        "claims": dict(context.fields.claims),
        "peer": context.fields.peer,
        "attempt": context.fields.attempt,
        "key": context.idempotency_key,
        "timeout": context.fields.handler_timeout_nanoseconds,
    }
    if message.payload == b"die once" and context.fields.attempt == 1:
        print("dying over", json.dumps(told), file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return json.dumps(told).encode()


if __name__ == "__main__":
    msgproc_worker.serve({"witness": witness})
