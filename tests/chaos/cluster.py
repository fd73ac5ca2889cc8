"""A whole fleet of real processes, each on a host of its own.

    clients ──┬── nginx ──┐
              ├───────────┴── p1, p2, p3 ── store
              └── b1, b2 ─────┘

A host is a network namespace on a bridge (tests/fleet/networks.py): what is cut between
two of them is cut for real. What dies is started again, as systemd would.
"""

import contextlib
import os
import pathlib
import signal
import sqlite3
import time
import urllib.error
import urllib.request

from tests import harness
from tests.chaos import checker
from tests.durability import mounts, postgres
from tests.fleet import networks
from tests.nginx import front
from tests.workers import crew

ACCOUNTS = [f"account-{i}" for i in range(100)]
BALANCE = 10**15
_LEDGER = "examples/ledger/ledger"
# What is started again at once would only show how fast it dies.
_RESTART_SECONDS = 0.2
# The last words of a server that ends because its store, say, cannot be reached.
_CANNOT_START = " cannot start: "

_TABLES = """
CREATE TABLE accounts (id TEXT PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0));
CREATE TABLE entries (message TEXT PRIMARY KEY, source TEXT, target TEXT);
"""
_POSTGRES_MOVES = """
CREATE TABLE moves (number BIGSERIAL, account TEXT, change BIGINT, remains BIGINT);
CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO moves (account, change, remains)
  VALUES (NEW.id, NEW.balance - OLD.balance, NEW.balance);
  RETURN NULL;
END $$;
CREATE TRIGGER note_move AFTER UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION note_move();
"""
_SQLITE_MOVES = """
CREATE TABLE moves (
  number INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, change BIGINT, remains BIGINT);
CREATE TRIGGER note_move AFTER UPDATE ON accounts BEGIN
  INSERT INTO moves (account, change, remains)
  VALUES (NEW.id, NEW.balance - OLD.balance, NEW.balance);
END;
"""
_MOVES = "SELECT number, account, change, remains FROM moves ORDER BY number"
_OPEN = f"INSERT INTO accounts VALUES {', '.join(f'({a!r}, {BALANCE})' for a in ACCOUNTS)};"


class Member:
    """A program that is started again when it has ended, unless it is to be down."""

    def __init__(self, name, process):
        self.name = name
        self.process = process
        # How it ended otherwise than as asked: (what, whether that is allowed).
        self.ends = []
        # What it was sent to end.
        self._asked = set()
        self._down = False
        self._started = time.monotonic()
        self._ended = None

    def pids(self):
        return [self.process.pid]

    def workers(self):
        """Returns the processes that it has started, and theirs."""
        return [pid for child in crew.children(self.process.pid) for pid in crew.group(child)]

    def kill(self):
        self.take_down(signal.SIGKILL)

    def stop(self):
        """In order, and it comes back by itself."""
        self.ask_to_end(signal.SIGTERM)

    def take_down(self, number):
        """Signals it to end, and it stays down until `revive`."""
        self._down = True
        self.ask_to_end(number)

    def ask_to_end(self, number):
        """It is started again at once."""
        self._asked.add(number)
        self.process.signal(number)

    def revive(self):
        self._down = False

    def tick(self):
        """Starts it again if that is due."""
        if self.process.running():
            return
        now = time.monotonic()
        if self._ended is None:
            self._ended = now
            self._judge(self.process.wait(), now - self._started)
        if not self._down and now - self._ended >= _RESTART_SECONDS:
            self.process.start_again()
            self._started, self._ended = now, None
            self._asked.clear()

    def _judge(self, code, seconds):
        if -code in self._asked or (code == 0 and signal.SIGTERM in self._asked):
            return
        last = self.process.output()[-4000:].rstrip().rpartition("\n")[-1]
        what = f"{self.name} ended with {code} after {seconds:.1f} s: {last}"
        self.ends.append((what, code == 1 and _CANNOT_START in last))


class Tree(Member):
    """One whose children are part of it, as they are of PostgreSQL and NGINX."""

    def pids(self):
        return [self.process.pid, *self.workers()]

    def workers(self):
        return crew.children(self.process.pid)

    def _judge(self, code, seconds):
        # PostgreSQL has exit codes of its own for what it was sent.
        if not self._asked:
            super()._judge(code, seconds)


class Cluster:
    """Serves when the constructor returns, and until `close`."""

    def __init__(self, folder, in_one_file=False, commits=True):
        """`in_one_file`: one processor, on SQLite. `commits`: p3's workers do it themselves."""
        self._folder = pathlib.Path(folder)
        self._exits = contextlib.ExitStack()
        self._commits = commits
        self.processors = ["p1"] if in_one_file else ["p1", "p2", "p3"]
        names = ["clients", "nginx", "b1", "b2", *self.processors]
        if not in_one_file:
            names.append("store")
        self.hosts = {name: self._keep(networks.Host()) for name in names}
        self.members = {}
        self.disk = None
        try:
            self._start(in_one_file)
        except BaseException:
            self.close()
            raise

    def close(self):
        self._exits.close()

    @property
    def balancers(self):
        return ",".join(self._address(name, 50050) for name in ("b1", "b2"))

    @property
    def front(self):
        """Where clients find NGINX."""
        return self.members["nginx"].process.grpc

    def tick(self):
        for member in self.members.values():
            member.tick()

    def ends(self):
        return [end for member in self.members.values() for end in member.ends]

    def stop_processors(self):
        """In order; returns their exit codes by name."""
        for name in self.processors:
            self.members[name].take_down(signal.SIGTERM)
        return {name: self.members[name].process.wait(30) for name in self.processors}

    def ready(self):
        """Whether every processor and balancer says so."""
        pages = [self._address(name, 8051) for name in (*self.processors, "b1", "b2")]
        return all(_answers(f"http://{page}/readyz") for page in pages)

    def moves(self):
        """Yields all changes of accounts. Of SQLite: once its processor is stopped."""
        for number, account, change, left in self._rows(_MOVES):
            yield checker.Move(int(number), account, int(change), int(left))

    def accounts(self):
        rows = self._rows("SELECT id, balance FROM accounts")
        return {account: int(balance) for account, balance in rows}

    def _rows(self, query):
        if self.disk is None:
            return self._store.rows(f"({query})")
        with contextlib.closing(sqlite3.connect(self._file)) as store:
            return store.execute(query).fetchall()

    def _start(self, in_one_file):
        if in_one_file:
            self._make_file()
        else:
            self._store = self._keep(postgres.Cluster(self.hosts["store"]))
            # Not the ledger's own, so that any of the ledgers can use them.
            self._store.ask(_TABLES + _POSTGRES_MOVES + _OPEN)
            self.members["store"] = Tree("store", self._store)
        for name in ("b1", "b2"):
            flags = self._flags(name, 50050)
            self._add(name, [harness.runfile(harness.BALANCER), *flags, "--lease=2s"])
        for name in self.processors:
            self._add(name, *self._processor(name))
        addresses = [self._address(name, 50051) for name in self.processors]
        nginx = self._keep(front.Nginx(addresses, host=self.hosts["nginx"]))
        self.members["nginx"] = Tree("nginx", nginx)
        harness.eventually(self.ready, "the fleet is ready")

    def _make_file(self):
        folder = self._folder / "disk"
        folder.mkdir()
        self.disk = mounts.Disk(folder, mebibytes=256)
        self._exits.callback(os.system, f"umount --lazy {folder}")
        self._file = folder / "ledger.db"
        with contextlib.closing(sqlite3.connect(self._file)) as store:
            store.executescript(_TABLES + _SQLITE_MOVES + _OPEN)

    def _processor(self, name):
        url = f"sqlite:{self._file}" if self.disk else self._store.url
        flags = [
            *self._flags(name, 50051),
            f"--session_store={url}",
            f"--server_id={name}",
            f"--balancer={self.balancers}",
            "--heartbeat_interval=500ms",
            "--drain_timeout=5s",
        ]
        if name != "p3":
            return [harness.runfile(_LEDGER), *flags], None
        worker = f"{_LEDGER}_postgres_worker" if self._commits else f"{_LEDGER}_worker"
        flags += [
            "--handler=ledger",
            "--workers=2",
            f"--worker_command={harness.runfile(worker)}",
            "--handler_timeout=5s",
            # Workers are killed in vain over messages that others' deaths are blamed on.
            "--max_delivery_attempts=1000",
        ]
        if self._commits:
            flags.append("--worker_commits")
        return [harness.runfile(harness.PROCESSOR), *flags], {"LEDGER": url}

    def _add(self, name, argv, env=None):
        process = harness.Process([*self.hosts[name].prefix, *argv], name, env)
        self.members[name] = Member(name, self._keep(process))

    def _flags(self, name, port):
        return [
            f"--listen_address={self._address(name, port)}",
            f"--http_address={self._address(name, 8051)}",
            "--insecure",
        ]

    def _address(self, name, port):
        return f"{self.hosts[name].address}:{port}"

    def _keep(self, process):
        self._exits.callback(process.kill)
        return process


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as page:
            return page.status == 200
    except OSError:
        return False
