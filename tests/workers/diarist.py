#!/usr/bin/python3
"""A worker for tests: echoes messages, and notes each in a file before it answers."""

import os
import sys

import msgproc_worker


def main():
    diary = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)

    def note(message, _context):
        os.write(diary, message.payload + b"\n")
        return message.payload

    msgproc_worker.serve({"note": note})


if __name__ == "__main__":
    main()
