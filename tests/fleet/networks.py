"""Network namespaces: machines of their own, whose links can be cut.

    this namespace, 10.99.0.1 ──┬── 10.99.0.2, the first host
     (bridge; the test runs in  ├── 10.99.0.3, the second
      it, and so do clients)    └── ...

Nothing outside is touched: the test's own namespace is a new one, too.
"""

import os
import subprocess
import sys
import time

_INSIDE = "MSGPROC_TEST_NETWORK"
_BRIDGE_ADDRESS = "10.99.0.1"
# Nobody's: what is sent there is lost without a word.
_NO_MACHINE = "02:00:00:00:00:01"


# Where tc is, and a test's PATH does not lead.
_ENVIRONMENT = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"}


def _run(*command):
    try:
        done = subprocess.run(
            command, env=_ENVIRONMENT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise OSError(f"there is no {command[0]}") from None
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def enter_own_namespace():
    """Runs the program anew in a network namespace of its own, with a bridge.

    Returns None inside it, or why there can be none: neither root nor allowed to
    make user namespaces, or no iproute2.
    """
    if os.environ.get(_INSIDE):
        return _set_up()
    why = []
    for unshare in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        try:
            _run(*unshare, "ip", "link", "set", "lo", "up")
        except OSError as error:
            why.append(str(error))
            continue
        os.environ[_INSIDE] = "1"
        os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])
    return "; ".join(why)


def _set_up():
    try:
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "bridge", "type", "bridge")
        _run("ip", "addr", "add", f"{_BRIDGE_ADDRESS}/24", "dev", "bridge")
        _run("ip", "link", "set", "bridge", "up")
    except OSError as error:
        return str(error)
    return None


class Host:
    """A namespace on the bridge. Ends with `kill`."""

    _count = 0

    def __init__(self):
        Host._count += 1
        self._link = f"link{Host._count}"
        self.address = f"10.99.0.{Host._count + 1}"
        # Ends when its input does: with the test at the latest.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        self._await_namespace()
        holder = str(self._holder.pid)
        _run(*f"ip link add {self._link} type veth peer name eth0 netns {holder}".split())
        _run(*f"ip link set {self._link} master bridge up".split())
        for command in (
            "ip link set lo up",
            f"ip addr add {self.address}/24 dev eth0",
            "ip link set eth0 up",
        ):
            self._run(command)

    @property
    def prefix(self):
        """The command that runs the rest of its command line on this host."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def isolate(self, isolated):
        """Isolated hosts and this namespace reach each other, but not one another.

        What is under way is lost without a word, as when a cable is cut.
        """
        state = "on" if isolated else "off"
        _run(*f"ip link set {self._link} type bridge_slave isolated {state}".split())

    def lose_packets_to(self, other, lose):
        """One way only: what `other` sends still arrives here."""
        neighbour = f"{other.address} dev eth0"
        if lose:
            self._run(f"ip neigh replace {neighbour} lladdr {_NO_MACHINE} nud permanent")
        else:
            self._run(f"ip neigh del {neighbour}")

    def limit_rate(self, kilobits):
        """Of what it sends, a second; packets that wait for over 300 ms are lost. None: no limit.

        A kernel need not have netem, which delays and loses at random.
        """
        if kilobits is None:
            self._run("tc qdisc del dev eth0 root")
        else:
            limit = f"tbf rate {kilobits}kbit burst 4kb latency 300ms"
            self._run(f"tc qdisc replace dev eth0 root {limit}")

    def reset_connections(self):
        """Of all programs on this host: both ends are told."""
        self._run("ss --kill --no-header --tcp state established")

    def kill(self):
        self._holder.kill()
        self._holder.communicate()

    def _run(self, command):
        _run(*self.prefix, *command.split())

    def _await_namespace(self):
        deadline = time.monotonic() + 20
        ours = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self._holder.pid}/ns/net") == ours:
            if time.monotonic() > deadline:
                raise AssertionError("unshare made no namespace")
            time.sleep(0.01)
