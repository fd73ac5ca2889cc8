#!/usr/bin/python3
"""A worker that commits one result and answers another."""

import os

import ledger_postgres_worker
import msgproc_worker


class LyingLedger(ledger_postgres_worker.Ledger):
    def handle(self, batch):
        results = super().handle(batch)
        for result in results:
            result.error.message = "something else"
        return results


if __name__ == "__main__":
    msgproc_worker.serve_batches(LyingLedger(os.environ["LEDGER"]).handle)
