"""The idle socket once for real: takes minutes, so only when asked for.

bazel test //tests/nginx:three_minutes_idle_test --test_output=all
"""

import unittest

from tests.nginx import front


class ThreeMinutesIdleTest(front.FrontTest):
    def test_a_socket_idle_for_three_minutes_survives_nginxs_own_minute(self):
        # The shipped ones are longer; with these, heartbeats alone explain it.
        timeouts = ["client_body_timeout", "grpc_read_timeout", "grpc_send_timeout"]
        settings = [f"{name}=60s" for name in [*timeouts, "send_timeout", "proxy_timeout"]]
        processor, proxied = self.processor(), self.processor("--proxy_protocol")
        usual = self.nginx([processor], [proxied], settings=settings)
        shipped = self.nginx([processor], [proxied])
        # Two messages, 200 s apart; a generator ends when its third would be due.
        loads = {
            f"{name} {listener}": self.loadgen(f"--target={target}", "--rate=0.005", "--n=2")
            for name, nginx in (("usual", usual), ("shipped", shipped))
            for listener, target in (("8000", nginx.grpc), ("8001", nginx.stream))
        }
        for name, load in loads.items():
            report = self.assert_all_answered_once(load, 2, 500)
            print(
                f"timeouts {name}: {report['seconds']:.0f} s, "
                f"{report['answered']} of {report['messages']} answered, "
                f"{report['interruptions']['count']} interruptions"
            )
            self.assertGreater(report["seconds"], 180)
            self.assertEqual(report["interruptions"]["count"], 0)
            self.assertEqual(report["stream_errors"], {})


if __name__ == "__main__":
    unittest.main()
