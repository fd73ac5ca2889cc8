#!/usr/bin/python3
"""The ledger's worker, which `poison` kills."""

import os
import signal

import ledger_worker
import msgproc_worker


def ledger(message, context):
    if message.payload == b"poison":
        os.kill(os.getpid(), signal.SIGKILL)
    return ledger_worker.ledger(message, context)


if __name__ == "__main__":
    msgproc_worker.serve({"ledger": ledger})
