#!/usr/bin/python3
"""The ledger's worker with a transaction of its own, which messages can kill or freeze.

    poison          kills it
    freeze FOLDER   the first time: hangs; a process of its own, which nobody kills with it,
                    has begun a transaction, and commits it once there is FOLDER/go. What came
                    of it is in FOLDER/said then. A later time: answers.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

import ledger_postgres_worker
import psycopg2
from msgproc.worker.v1 import worker_pb2


class FreezingLedger(ledger_postgres_worker.Ledger):
    def handle(self, batch):
        for message in batch.messages:
            if message.payload == b"poison":
                os.kill(os.getpid(), signal.SIGKILL)
            if message.payload.startswith(b"freeze ") and batch.context.attempt == 1:
                haunt(batch.context, message)
                signal.pause()
        return super().handle(batch)

    def apply(self, cursor, key, words):
        if words[0] == "freeze":
            cursor.execute("INSERT INTO entries (message) VALUES (%s)", (key,))
            return b"thawed"
        return super().apply(cursor, key, words)


def haunt(context, message):
    """Starts the process that wakes up late, and returns when its transaction is open."""
    folder = pathlib.Path(message.payload.decode().split()[1])
    subprocess.Popen(  # pylint: disable=consider-using-with
        [
            sys.executable,
            __file__,
            str(folder),
            context.session_id,
            str(context.session_epoch),
            str(message.sequence),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def be_late(folder, session, epoch, first):
    result = worker_pb2.ResultBatch().results.add(sequence=int(first), payload=b"late")
    results = worker_pb2.ResultBatch(results=[result]).SerializeToString()
    with psycopg2.connect(os.environ["LEDGER"]) as store, store.cursor() as cursor:
        cursor.execute("INSERT INTO entries (message) VALUES ('a ghost was here')")
        (folder / "begun").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        cursor.execute(
            "SELECT msgproc_commit(%s, %s, %s, %s)", (session, int(epoch), int(first), results)
        )


def main():
    if len(sys.argv) == 1:
        serve = ledger_postgres_worker.msgproc_worker.serve_batches
        return serve(FreezingLedger(os.environ["LEDGER"]).handle)
    folder = pathlib.Path(sys.argv[1])
    said = "it has committed"
    try:
        session, epoch, first = sys.argv[2:]
        be_late(folder, session, epoch, first)
    except psycopg2.Error as error:
        said = f"{type(error).__name__}: {error}"
    (folder / "unfinished").write_text(said, encoding="utf-8")
    (folder / "unfinished").rename(folder / "said")
    return 0


if __name__ == "__main__":
    main()
