#!/usr/bin/python3
"""Moves money between accounts, once for each message, in transactions of its own.

The same as ledger_worker.py for a worker that has to read what it changes: it has a
connection to the processor's session store, which is PostgreSQL, and its last statement
commits the results with what it did.

    bazel build //examples/ledger:ledger_postgres_worker
    export LEDGER=postgresql:///bank
    bazel run //services/processor -- --session_store=$LEDGER --worker_commits \\
        --handler=ledger --worker_command=bazel-bin/examples/ledger/ledger_postgres_worker
"""

import os

import msgproc_worker
import psycopg2
from msgproc.worker.v1 import worker_pb2
from psycopg2 import errors, extensions

_FAILED_PRECONDITION = 9


class Ledger:
    """Handles batches of one connection."""

    def __init__(self, url):
        # A worker that is stopped in a transaction must not hold up the accounts for ever.
        self._store = psycopg2.connect(url, options="-c idle_in_transaction_session_timeout=5s")
        self._store.set_session(isolation_level=extensions.ISOLATION_LEVEL_READ_COMMITTED)

    def handle(self, batch):
        """Returns the results once they are committed.

        Raises where another worker has the messages by now: nothing of this happened.
        """
        while True:
            try:
                return self._commit(batch)
            except (errors.DeadlockDetected, errors.SerializationFailure):
                pass  # Rolled back: once more.

    def _commit(self, batch):
        with self._store, self._store.cursor() as cursor:
            results = [self._handle(cursor, batch.context, each) for each in batch.messages]
            cursor.execute(
                "SELECT msgproc_commit(%s, %s, %s, %s)",
                (
                    batch.context.session_id,
                    batch.context.session_epoch,
                    batch.messages[0].sequence,
                    # Byte for byte what the processor gets of them.
                    worker_pb2.ResultBatch(results=results).SerializeToString(),
                ),
            )
        return results

    def _handle(self, cursor, context, message):
        """One that fails is undone, and not its neighbours."""
        result = worker_pb2.ResultBatch().results.add(sequence=message.sequence)
        cursor.execute("SAVEPOINT message")
        try:
            key = msgproc_worker.Context(context, message).idempotency_key
            result.payload = self.apply(cursor, key, message.payload.decode().split())
        except (msgproc_worker.MessageError, psycopg2.IntegrityError) as error:
            cursor.execute("ROLLBACK TO message")
            result.error.code = getattr(error, "code", _FAILED_PRECONDITION)
            result.error.message = str(error)
        cursor.execute("RELEASE message")
        return result

    def apply(self, cursor, key, words):
        """`open ACCOUNT AMOUNT`, or `transfer FROM TO AMOUNT`, which answers what FROM has left."""
        match words:
            case ["open", account, amount] if amount.isdecimal():
                cursor.execute(
                    """CREATE TABLE IF NOT EXISTS accounts (
                       id TEXT PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0));
                       CREATE TABLE IF NOT EXISTS entries (message TEXT PRIMARY KEY);
                       INSERT INTO accounts (id, balance) VALUES (%s, %s)""",
                    (account, amount),
                )
                return b"opened"
            case ["transfer", source, target, amount] if amount.isdecimal():
                cursor.execute("INSERT INTO entries (message) VALUES (%s)", (key,))
                moves = [(source, -int(amount)), (target, int(amount))]
                left = {}
                # In the order of their names, so that two transfers never wait for each other.
                for account, change in sorted(moves):
                    cursor.execute(
                        "UPDATE accounts SET balance = balance + %s WHERE id = %s"
                        " RETURNING balance",
                        (change, account),
                    )
                    if cursor.rowcount == 0:
                        raise msgproc_worker.MessageError(f"there is no account {account}")
                    (left[account],) = cursor.fetchone()
                return str(left[source]).encode()
        raise msgproc_worker.MessageError("Send 'open ACCOUNT AMOUNT' or 'transfer FROM TO AMOUNT'.")


if __name__ == "__main__":
    msgproc_worker.serve_batches(Ledger(os.environ["LEDGER"]).handle)
