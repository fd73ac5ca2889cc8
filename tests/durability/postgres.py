"""A PostgreSQL server of a test's own: a Unix socket in a temporary directory, fsync on.

With a pooler in front of it, and backups, for those who want them.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from tests import harness


def _binaries():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found else None


def _not_as_root():
    """Returns what runs the rest of its command line as somebody else than root.

    Neither PostgreSQL nor its pooler runs as root.
    """
    if os.geteuid() != 0:
        return []
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


def _until_we_end():
    # A user namespace forgets what its parent asked for in this.
    return [*_not_as_root(), "setpriv", "--pdeathsig=QUIT"]


def url_of(folder, port=5432):
    """Returns the --session_store of a server that listens in a folder."""
    return f"postgresql:///postgres?host={folder.replace('/', '%2F')}&user=msgproc&port={port}"


class Cluster(harness.Process):
    """Serves when the constructor returns. `url` is for --session_store.

    `host`: a networks.Host on which it listens, too, for whoever can reach it.
    """

    def __init__(self, host=None):
        # Short, for the socket's sake.
        self.folder = tempfile.mkdtemp(prefix="msgproc-postgres-", dir="/tmp")
        self._data = f"{self.folder}/data"
        self._binaries = _binaries()
        assert self._binaries, "install postgresql (tools/install_packages --test)"
        subprocess.run(
            [
                *_not_as_root(),
                self._binaries / "initdb",
                "--no-sync",
                "--auth=trust",
                "--username=msgproc",
                "--no-locale",
                "--encoding=UTF8",
                f"--pgdata={self._data}",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.url = self._local_url = url_of(self.folder)
        if host:
            self.url = f"postgresql://msgproc@{host.address}/postgres"
            with open(f"{self._data}/pg_hba.conf", "a", encoding="utf-8") as rules:
                rules.write("host all all samenet trust\n")
        super().__init__(
            [
                *(host.prefix if host else ()),
                *_until_we_end(),
                str(self._binaries / "postgres"),
                "-D",
                self._data,
                "-k",
                self.folder,
                "-c",
                f"listen_addresses={host.address if host else ''}",
                "-c",
                "shared_buffers=64MB",
            ],
            "postgres",
        )
        self._await_answer()

    def _await_answer(self):
        harness.eventually(lambda: self.ask("SELECT 1") == "1", "PostgreSQL answers")

    def ask(self, sql):
        """Returns what psql makes of the rows; empty if it cannot connect."""
        asked = subprocess.run(
            ["psql", "-X", "-A", "-t", "-q", "-d", self._local_url, "-c", sql],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        return asked.stdout.strip()

    def rows(self, table):
        """Yields the rows of a table or query, as texts."""
        with subprocess.Popen(
            ["psql", "-X", "-q", "-d", self._local_url, "-c", f"COPY {table} TO STDOUT"],
            stdout=subprocess.PIPE,
            encoding="utf-8",
        ) as psql:
            for line in psql.stdout:
                yield line.rstrip("\n").split("\t")
        if psql.returncode != 0:
            raise AssertionError(f"psql cannot copy {table}")

    @contextlib.contextmanager
    def transaction(self, sql):
        """Keeps what `sql` has locked for the `with` block."""
        psql = subprocess.Popen(
            ["psql", "-X", "-A", "-t", "-q", "-d", self._local_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        try:
            psql.stdin.write(f"BEGIN;\n{sql};\nSELECT 'locked';\n")
            psql.stdin.flush()
            while psql.stdout.readline() not in ("locked\n", ""):
                pass
            yield
        finally:
            # Rolls back.
            psql.communicate()

    def restart(self, number=signal.SIGQUIT):
        """SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one."""
        self.stop_now(number)
        self.start()

    def stop_now(self, number=signal.SIGQUIT):
        self.signal(number)
        self.wait()

    def start(self):
        self._start()
        self._await_answer()

    def back_up(self):
        """Returns a base backup, taken while the server works."""
        backup = tempfile.mkdtemp(prefix="backup-", dir=self.folder)
        subprocess.run(
            [
                *_not_as_root(),
                self._binaries / "pg_basebackup",
                "--checkpoint=fast",
                "--no-sync",
                f"--host={self.folder}",
                "--username=msgproc",
                f"--pgdata={backup}",
            ],
            check=True,
        )
        return backup

    def fail_over_to(self, backup):
        """Whoever connects from now on finds what the backup has, and no more."""
        self.stop_now()
        shutil.rmtree(self._data)
        shutil.move(backup, self._data)
        self.start()

    def kill(self):
        if self.running():
            self.stop_now()
        shutil.rmtree(self.folder, ignore_errors=True)


class Pooler(harness.Process):
    """pgbouncer in front of a cluster: hands out connections a transaction."""

    _PORT = 6432

    def __init__(self, cluster):
        file = pathlib.Path(cluster.folder, "pgbouncer.ini")
        file.write_text(
            f"""
[databases]
* = host={cluster.folder} user=msgproc
[pgbouncer]
pool_mode = transaction
default_pool_size = 4
auth_type = any
listen_port = {self._PORT}
unix_socket_dir = {cluster.folder}
""",
            encoding="utf-8",
        )
        self.url = url_of(cluster.folder, self._PORT)
        super().__init__([*_until_we_end(), "/usr/sbin/pgbouncer", str(file)], "pgbouncer")
        socket = pathlib.Path(cluster.folder, f".s.PGSQL.{self._PORT}")
        harness.eventually(socket.exists, "pgbouncer listens")
