#!/usr/bin/python3
"""Moves money between accounts, once for each message, whatever dies.

The same as ledger.h, in a worker process: what a message does to the accounts is returned
with its result, and the processor commits both together, in SQLite or PostgreSQL. No
database driver is needed, and nothing can be read: what must hold is said to the database.

    bazel build //examples/ledger:ledger_worker
    bazel run //services/processor -- --session_store=sqlite:/tmp/ledger.db \\
        --handler=ledger --worker_command=bazel-bin/examples/ledger/ledger_worker
    printf 'open a 100\nopen b 0\ntransfer a b 30\n' |
        bazel run //tools/loadgen -- --handler=ledger --input=- --output=-
"""

import msgproc_worker

_ACCOUNTS = """CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0))"""
_ENTRIES = """CREATE TABLE IF NOT EXISTS entries (
    message TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL)"""
_OPEN = "INSERT INTO accounts (id, balance) VALUES ($1, $2)"
# Each message leaves one entry: a second one would be an error. So is an account that is
# not there, which is NULL here.
_ENTER = """INSERT INTO entries (message, source, target) VALUES
    ($1, (SELECT id FROM accounts WHERE id = $2), (SELECT id FROM accounts WHERE id = $3))"""
_MOVE = "UPDATE accounts SET balance = balance + $2 WHERE id = $1"


def ledger(message, context):
    """`open ACCOUNT AMOUNT`: it begins with so much. `transfer FROM TO AMOUNT`."""
    match message.payload.decode().split():
        case ["open", account, amount] if amount.isdecimal():
            return b"opened", [(_ACCOUNTS, ()), (_ENTRIES, ()), (_OPEN, (account, int(amount)))]
        case ["transfer", source, target, amount] if amount.isdecimal():
            moves = [(source, -int(amount)), (target, int(amount))]
            return b"moved", [
                (_ENTER, (context.idempotency_key, source, target)),
                # In the order of their names, so that two transfers never wait for each other.
                *((_MOVE, move) for move in sorted(moves)),
            ]
    raise msgproc_worker.MessageError("Send 'open ACCOUNT AMOUNT' or 'transfer FROM TO AMOUNT'.")


if __name__ == "__main__":
    msgproc_worker.serve({"ledger": ledger})
