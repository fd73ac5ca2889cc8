#!/usr/bin/python3
"""Handlers in Python: `upper`, `sum` and `whoami`.

    bazel build //examples/python_worker:worker
    bazel run //services/processor -- --handler=upper,sum,whoami \\
        --worker_command=bazel-bin/examples/python_worker/worker
"""

import json

import msgproc_worker


def upper(message, _context):
    """The payload, UTF-8, in capital letters of any alphabet."""
    return message.payload.decode().upper().encode()


def sum_of(message, _context):
    """The sum of a JSON array of numbers."""
    try:
        return json.dumps(sum(json.loads(message.payload))).encode()
    except (ValueError, TypeError) as error:
        raise msgproc_worker.MessageError(f"not an array of numbers: {error}") from None


def whoami(_message, context):
    """What the worker is told of who sent the message, as JSON."""
    fields = context.fields
    return json.dumps(
        {
            "session": fields.session_id,
            "client": fields.client_name,
            "principal": fields.principal,
            "claims": dict(fields.claims),
            "peer": fields.peer,
            "forwarded_for": fields.forwarded_for,
            "attempt": fields.attempt,
            "key": context.idempotency_key,
            "traceparent": context.traceparent,
        }
    ).encode()


if __name__ == "__main__":
    msgproc_worker.serve({"upper": upper, "sum": sum_of, "whoami": whoami})
