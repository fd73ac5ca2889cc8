#!/usr/bin/python3
"""Says which try each message is, and does what the test has put into a folder.

`tries` gets a line a try: the message, the attempt that the worker was told. While `deaths`
has a number above 0, a message that says "bad" kills the worker, and the number falls by
one; while there is a file `hang`, such a message is never answered.
"""

import os
import pathlib
import signal
import time

import msgproc_worker

_FOLDER = pathlib.Path(os.environ["COUNTING_WORKER_FOLDER"])
_DEATHS = _FOLDER / "deaths"


def tries(message, context):
    text = message.payload.decode()
    with open(_FOLDER / "tries", "a", encoding="utf-8") as file:
        file.write(f"{text} {context.fields.attempt}\n")
    if text.startswith("bad"):
        deaths = int(_DEATHS.read_text()) if _DEATHS.exists() else 0
        if deaths > 0:
            _DEATHS.write_text(str(deaths - 1))
            os.kill(os.getpid(), signal.SIGKILL)
        while (_FOLDER / "hang").exists():
            time.sleep(0.01)
    return str(context.fields.attempt).encode()


if __name__ == "__main__":
    msgproc_worker.serve({"tries": tries})
