"""A fleet of processes: a balancer, and processors that register with it."""

import json
import signal
import urllib.parse

from tests import harness

# The balancer's own default; processors report three times as often.
LEASE_SECONDS = 6
REPORT_SECONDS = LEASE_SECONDS / 3


class FleetTest(harness.ProcessTest):
    """A test with balancers and processors."""

    def member(self, balancers, server_id, *flags, **options):
        """Starts a processor that registers with one balancer or several."""
        if isinstance(balancers, harness.Server):
            balancers = [balancers]
        addresses = ",".join(balancer.grpc for balancer in balancers)
        return self.processor(
            f"--balancer={addresses}",
            f"--server_id={server_id}",
            *flags,
            name=server_id,
            **options,
        )

    def members(self, balancers, count, *flags):
        """Starts processors p1, p2, ... and waits until they are handed out."""
        started = [self.member(balancers, f"p{i + 1}", *flags) for i in range(count)]
        for balancer in [balancers] if isinstance(balancers, harness.Server) else balancers:
            self.await_serving(balancer, count)
        return started

    def servers(self, balancer):
        """Returns what /list says, by server_id."""
        _, body = balancer.get("/list")
        return {server["server_id"]: server for server in json.loads(body)["servers"]}

    def state(self, balancer, server_id):
        """Returns a server's state; None when the balancer does not know it."""
        return self.servers(balancer).get(server_id, {}).get("state")

    def serving(self, balancer):
        """Returns the names of the servers that are handed out."""
        servers = self.servers(balancer).values()
        return {server["server_id"] for server in servers if server["state"] == "serving"}

    def await_serving(self, balancer, count, seconds=20):
        """Waits until a balancer hands out exactly `count` servers, at most four."""

        def handed_out():
            if len(self.serving(balancer)) != count:
                return False
            # A look-up may be some 20 ms behind what is listed.
            code, answer = self.get_server(balancer)
            return count == (1 + len(answer["alternatives"]) if code == 200 else 0)

        harness.eventually(handed_out, f"{balancer.name} hands {count} servers out", seconds)

    def await_state(self, balancer, server_id, *states, seconds=20):
        harness.eventually(
            lambda: self.state(balancer, server_id) in states,
            f"{balancer.name} has {server_id} as {states}",
            seconds,
        )

    def get_server(self, balancer, **parameters):
        """Returns (HTTP status, answer) of a look-up over HTTP."""
        query = urllib.parse.urlencode(parameters)
        code, body = balancer.get(f"/get-server?{query}")
        return code, json.loads(body)

    def endless_load(self, balancers, *flags):
        """Starts a load that goes on until `finish`."""
        addresses = ",".join(balancer.grpc for balancer in balancers)
        return self.loadgen(f"--balancer={addresses}", "--duration=1h", *flags)

    def finish(self, load):
        """Ends an endless load; every message had its one good result."""
        self.assertTrue(load.running(), load.describe("ended too early"))
        load.signal(signal.SIGINT)
        return self.assert_all_answered_once(load)

    def answered(self, processor):
        """Returns how many messages a processor has answered."""
        return processor.metric("msgproc_processor_messages_total", outcome="ok")

    def sockets(self, processor):
        """Returns how many sessions have a socket at a processor."""
        return processor.metric("msgproc_processor_sessions", state="attached")

    def await_answers(self, load, processors, more=1000):
        """Waits until each of the processors has answered `more` messages from now on."""
        for processor in processors:
            self._await_answers_of(processor, load, more)

    def _await_answers_of(self, processor, load, more):
        goal = self.answered(processor) + more

        def reached():
            self.assertTrue(load.running(), load.describe("ended too early"))
            return self.answered(processor) >= goal

        sockets = self.sockets(processor)
        what = f"{processor.name}, which had {sockets:g} sockets, answers {more} messages more"
        harness.eventually(reached, what, 30)
