#!/usr/bin/python3
"""Handlers in Python: `upper` and `sum`.

    bazel build //examples/python_worker:worker
    bazel run //services/processor -- --handler=upper,sum \\
        --worker_command=bazel-bin/examples/python_worker/worker
"""

import json

import msgproc_worker


def upper(message):
    """The payload, UTF-8, in capital letters of any alphabet."""
    return message.payload.decode().upper().encode()


def sum_of(message):
    """The sum of a JSON array of numbers."""
    try:
        return json.dumps(sum(json.loads(message.payload))).encode()
    except (ValueError, TypeError) as error:
        raise msgproc_worker.MessageError(f"not an array of numbers: {error}") from None


if __name__ == "__main__":
    msgproc_worker.serve({"upper": upper, "sum": sum_of})
