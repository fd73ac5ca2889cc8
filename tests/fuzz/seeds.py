"""Writes the first inputs of each fuzzer into corpus/: real encodings, and real mistakes.

What fuzzing finds goes beside them, under names of its own (tools/fuzz --keep).
    python3 tests/fuzz/seeds.py
"""

import base64
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


# The wire format of Protocol Buffers.
def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def double(field, value):
    return varint(field << 3 | 1) + struct.pack("<d", value)


# What tests/fuzz/input.h reads.
def sized(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(value)) + value


def message(sequence, payload, headers=()):
    encoded = number(1, sequence) + text(2, payload)
    return encoded + b"".join(text(3, text(1, key) + text(2, value)) for key, value in headers)


def error(code, said, retryable=False):
    return number(1, code) + text(2, said) + (number(3, 1) if retryable else b"")


def result(sequence, payload=None, failed=None):
    encoded = number(1, sequence)
    if payload is not None:
        encoded += text(2, payload)
    return encoded + (text(4, failed) if failed is not None else b"")


GROUP = varint(11 << 3 | 3) + number(1, 7) + varint(11 << 3 | 4)
UNKNOWN = text(12, "later") + double(13, 0.5) + varint(14 << 3 | 5) + b"abcd" + GROUP
TOKEN = "0123456789abcdef"
OPEN = text(1, "till-7") + text(2, TOKEN) + text(3, "till") + text(4, "echo") + number(5, 99) + number(6, 2)
WELCOME = (
    text(1, "server-1") + text(2, "till-7") + text(3, TOKEN) + number(4, 1) + number(6, 4096)
    + number(7, 1 << 20) + number(8, 65536) + number(9, 1 << 24) + text(10, number(1, 20))
)  # fmt: skip
DRAIN = number(1, 2) + text(2, "10.0.0.7:50051") + text(3, number(1, 30))


def request_frame():
    yield b""
    yield text(1, OPEN)
    yield text(1, OPEN + number(7, 2) + number(8, 1) + text(9, "9f3c")) + text(2, message(1, "hi")) + number(3, 120)
    yield text(2, message(1, "a", [("key", "value"), ("k", b"\xff")])) + text(2, message(2, "b"))
    yield text(2, b"") * 8 + text(4, "token")
    yield text(1, text(1, "x")) + text(1, text(4, "h"))
    yield text(2, message(1, "a", [(b"\xff\xfe", "v")]))
    yield text(2, message((1 << 64) - 1, "a") + UNKNOWN) + UNKNOWN
    yield varint(5 << 3 | 3) * 99 + varint(5 << 3 | 4) * 99


def response_frame():
    yield text(1, WELCOME)
    yield text(2, result(1, "hi")) + text(2, result(2, failed=error(3, "no", True)))
    yield text(3, DRAIN) + text(4, number(1, 900) + number(2, 5))
    yield text(1, text(1, "s")) + text(1, number(4, 2))
    yield text(2, result(1, failed=error(99, "what"))) + text(2, result(2, failed=b"\xff"))
    yield text(2, result(1, failed=error(1, "a")) + text(4, error(2, "b")))
    yield text(2, result(5, b"\0" * 40) + UNKNOWN) + UNKNOWN
    yield text(2, result(1, failed=error(16, "who"))) + text(2, result(2, failed=error(17, "what")))


def client_session():
    connect, send, speak, close = b"\0", b"\1", b"\2", b"\4"

    def wait(milliseconds):
        return b"\3" + (bytes([milliseconds]) if milliseconds < 128 else b"\xff" + struct.pack(">Q", milliseconds))

    def hear(frame):
        return b"\5" + sized(frame)

    welcome = hear(text(1, WELCOME))
    two = hear(text(2, result(1, "a")) + text(2, result(2, "b")))
    yield send * 2 + connect + welcome + two + speak + close + speak
    yield connect + welcome + send * 2 + speak + two + wait(2000) + speak
    resumed = WELCOME.replace(number(4, 1), number(4, 2)) + number(5, 2)
    yield connect + welcome + send * 2 + speak + connect + hear(text(1, resumed)) + two + speak
    yield connect + welcome + send * 3 + speak + hear(text(2, result(1, "a"))) + connect + hear(
        text(1, WELCOME.replace(number(4, 1), number(4, 3)))
    ) + speak + hear(text(2, result(2, "b")))
    yield connect + welcome + send + speak + hear(text(3, DRAIN)) + hear(text(2, result(1, "a"))) + speak + connect
    yield connect + hear(text(3, DRAIN)) + welcome + speak
    yield connect + hear(text(1, WELCOME + text(11, number(1, 60)) + text(12, "me"))) + wait(50000) + speak
    yield connect + welcome + hear(text(2, result(1, "a"))) + connect + welcome + wait(59000)
    stored = number(13, 2) + text(14, "9f3c")
    yield connect + hear(text(1, WELCOME + stored)) + connect + welcome


def outcomes():
    def outcome(first, through, results=None):
        if results is None:
            results = b"".join(text(2, result(i, f"r{i}")) for i in range(first, through + 1))
        return bytes([first, through]) + sized(results)

    yield bytes([0, 0])
    yield bytes([0, 3]) + outcome(1, 3)
    yield bytes([2, 5]) + outcome(1, 3) + outcome(4, 5)
    yield bytes([0, 3]) + outcome(1, 1) + outcome(3, 3)
    yield bytes([0, 2]) + outcome(1, 2, text(2, result(1, "a")) + text(2, result(1, "b")))
    yield bytes([0, 2]) + outcome(1, 1) + outcome(2, 2, text(2, result(2, failed=error(13, "no"))))
    yield bytes([0, 1]) + outcome(1, 1, text(2, result(1, "a")) + b"\x12")
    yield b"\x81\x80" + b"\x80\x80" + sized(text(2, result((1 << 64) - 1, "a")))


def ready(version=1):
    return delimited(text(4, number(1, version)))


def delimited(frame):
    return varint(len(frame)) + frame


def worker_frames():
    answer_1 = number(1, 1) + b"".join(text(2, result(i, "r")) for i in (1, 2, 3)) + number(3, 3000)
    answer_2 = number(1, 2) + b"".join(text(2, result(i, "s")) for i in (1000, 1001))
    yield bytes([0, 4]) + ready() + delimited(answer_1) + delimited(answer_2)
    singly = b"".join(delimited(number(1, i) + text(2, result(i, "r"))) for i in (1, 2, 3))
    yield bytes([2, 0]) + ready() + singly
    yield bytes([1, 9]) + ready() + delimited(answer_1)
    part = number(1, 1) + text(2, result(1, "r"))
    rest = number(1, 1) + text(2, result(2, failed=error(5, "none"))) + text(2, result(3, "0123456789"))
    yield bytes([0, 2]) + ready() + delimited(part) + delimited(rest)
    yield bytes([8, 1]) + ready() + delimited(b"") + delimited(answer_1)
    yield bytes([0, 0]) + ready(2)
    yield bytes([0, 0]) + delimited(answer_1)
    yield bytes([0, 7]) + ready() + delimited(number(1, 1) + text(2, result(2, "r")))
    yield bytes([2, 30]) + ready() + varint(8 << 20) + number(1, 1) + b"x" * 64
    yield bytes([0, 0]) + ready() + varint(1 << 40)
    deletes = number(1, 1) + text(2, text(1, "DELETE FROM t"))
    yield bytes([0, 5]) + ready() + delimited(answer_1 + text(5, deletes))
    yield bytes([2, 5]) + ready() + delimited(b"\x88\0\1" + b"\x92\0" + varint(5) + result(1, "r") + UNKNOWN)
    yield bytes([2, 5]) + ready() + delimited(number(1, 1) + text(2, result(1, failed=b"\x12\x02\xff\xfe")))
    yield bytes([0, 0]) + b"\x84\x80\x80\x80\x80\0" + text(4, number(1, 1))
    yield bytes([2, 0]) + ready() + varint(8 << 20) + b"\x88\x80\x80\x80\0\x81" + b"\x80" * 8 + b"\0" + b"x" * 64


def worker_lines():
    yield b"\x01one\ntwo\nthree\nfour\nfive\n"
    yield b"\x03\n\n\n"
    yield b"\x02longer than eight\nshort\nexactly8\nninebytes\nlast\n"
    yield b"\x041\n2\n3\n4\n5\n6\n"
    yield b"\x05no end and far too long for any payload"


def worker_input():
    messages = text(2, message(1, "a")) + text(2, message(2, "b"))
    batch = number(1, 1) + text(3, "echo") + messages + number(4, 1) + text(6, text(1, "till-7") + number(7, 1))
    hello = text(5, number(1, 1) + number(2, 7) + number(3, 1 << 20) + number(4, 1 << 20))
    cancelled = text(7, varint(1) + varint(2) + varint(300))
    yield b"\0\x03" + delimited(hello) + delimited(batch)
    yield b"\1\x40" + delimited(batch) + delimited(cancelled) + delimited(batch)
    yield b"\1\xff" + delimited(batch + cancelled) + delimited(number(7, 5) + number(7, 6)) + b"\x7f"
    yield b"\0\0" + delimited(b"") * 3


STATEMENTS = (
    "INSERT INTO accounts VALUES ($1, $2) ON CONFLICT DO UPDATE SET sum = sum + $2",
    "/* a /* nested */ comment */ COMMIT",
    "-- to the end\nUPDATE OR ROLLBACK t SET a = 1",
    "SELECT E'it\\'s', 'it''s', $$COMMIT$$, $tag$ $$ ROLLBACK $tag$ FROM msgproc_sessions",
    'DELETE FROM "Msgproc_Outcomes" WHERE a = \'',
    "SET LOCAL synchronous_commit = off",
)


def effects():
    def value(kind, encoded):
        return text(2, encoded if kind == 0 else text(kind, encoded))

    values = value(0, number(1, 7)) + value(0, double(2, 0.5)) + value(3, "text") + value(4, b"\0\xff") + value(0, b"")
    yield number(1, 41) + text(2, text(1, STATEMENTS[0]) + values) + text(2, text(1, STATEMENTS[2]))
    yield number(1, 1)
    for statement in STATEMENTS:
        yield statement


def proxy_header():
    signature = b"\r\n\r\n\0\r\nQUIT\n"

    def version_2(command, family, block):
        return signature + bytes([command, family]) + struct.pack(">H", len(block)) + block

    ipv4 = bytes([10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 0, 80])
    ipv6 = bytes(range(36))
    yield "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\nPRI * HTTP/2.0"
    yield "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"
    yield "PROXY UNKNOWN ::1 ::1 1 2\r\n"
    yield "PROXY TCP4 1.2.3.4 1.2.3.4 +1 65536\r\n"
    yield version_2(0x21, 0x11, ipv4) + b"PRI"
    yield version_2(0x21, 0x21, ipv6 + b"\x04\0\x01x")
    yield version_2(0x20, 0, b"")
    yield version_2(0x21, 0x31, b"u" * 216)
    yield version_2(0x21, 0x11, ipv4[:11])
    yield version_2(0x21, 0x11, b"\0" * 4080)
    yield "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def http():
    yield b"\x0aGET /echo?a=x%20y&b=%26 HTTP/1.1\r\nHost: x\r\n\r\n"
    yield b"\x14HEAD /echo HTTP/1.0\r\n\r\n"
    yield b"\x05POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    yield b"\x20GET /echo HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n"
    yield b"\x09POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    yield b"\x03GET /echo?" + b"&".join(b"a%d" % i for i in range(70)) + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    yield b"\x01\x16\x03\x01 what is this\r\n\r\n"
    yield b"\x30GET /ec%68o?a&=b&a=%zz&a=%00 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n"


def access_file():
    yield 'rules { name: "ops" principal { exact: "alice" } handlers: "*" }\n'
    yield """# Tills.
rules {
  name: "tills"
  principal { prefix: "spiffe://shop/" }
  sources: [SOURCE_CERTIFICATE]
  handlers: ["echo", "sha256"]
  limits { streams: 10 sessions: 20 messages_per_second: 0.5 bytes_per_second: 1e6 outstanding_bytes: 4096 }
}
"""
    yield "rules { claim { name: \"roles\" value: 'admin' } handlers: \"*\" }"
    yield """rules { principal { suffix: "ce" } sources: SOURCE_TOKEN handlers: "echo" }
rules { sources: SOURCE_ANONYMOUS handlers: "*" }"""
    yield 'rules { claim { name: "tier" value: "gold" } handlers: "*" limits { messages_per_second: nan } }'
    yield 'rules { principal { exact: "" } handlers: "" }'
    yield "rules { sources: SOURCE_UNSPECIFIED }"
    yield "rules < sources: 7 handlers: '\\xff' >"


def jwt():
    exp = 1_700_003_600
    good = {"sub": "alice", "aud": "shop", "exp": exp}

    def signed(claims, header=""):
        return b"\x01" + sized(header) + (claims if isinstance(claims, str) else json.dumps(claims)).encode()

    yield signed(good)
    yield signed({**good, "nbf": exp - 3600, "roles": ["ops", 7], "deep": {"a": [1.5]}})
    yield signed({**good, "aud": ["other", "shop"], "exp": 1e300})
    yield signed({**good, "exp": "soon"})
    yield signed({**good, "sub": "alice\u202e"})
    yield signed(good, '{"alg":"none"}')
    yield signed(good, '{"alg":"EdDSA","crit":["b64"],"b64":false}')
    yield signed(good, '{"alg":"EdDSA","kid":"k","jwk":{"kty":"OKP"}}')
    yield signed('{"sub":"a","sub":"b","aud":"shop","exp":-0}')
    yield signed("[" * 20 + "]" * 20)

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    yield b"\x00" + part({"alg": "none"}) + b"." + part(good) + b"."
    yield b"\x00" + part({"alg": "EdDSA", "kid": "k"}) + b"." + part(good) + b"." + b"A" * 86
    yield b"\x00a.b.c.d"


def jwks():
    okp = {"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"}
    elliptic = {
        "kty": "EC", "crv": "P-256", "kid": "e",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }  # fmt: skip
    rsa = {"kty": "RSA", "kid": "r", "alg": "RS256", "use": "sig", "e": "AQAB", "n": "u" + "A" * 341}
    yield json.dumps({"keys": [okp]})
    yield json.dumps({"keys": [okp, elliptic, rsa]})
    yield json.dumps({"keys": [{**okp, "key_ops": ["verify"]}, {**elliptic, "kid": "k", "use": "enc"}]})
    yield json.dumps({"keys": [okp, okp]})
    yield json.dumps({"keys": [{**okp, "d": "c2VjcmV0"}]})
    yield json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}, okp]})
    yield json.dumps({"keys": [{**rsa, "n": "AQAB"}]})
    yield json.dumps({"keys": [{**okp, "x": ""}, 7]})
    yield "[" * 30 + "]" * 30
    yield json.dumps({"keys": [{**okp, "k": "c2VjcmV0"}]})


def store_url():
    yield "sqlite:/var/lib/msgproc/sessions.db"
    yield "sqlite:///srv/sessions.db"
    yield "sqlite::memory:"
    yield "postgresql://msgproc:*@db.example.com:5432/sessions?sslmode=require"
    yield "postgres://u@h1,h2/db?password=*&connect_timeout=5&sslpassword=*"
    yield "postgresql://u:a@*@h/db?host=/run/postgresql"
    yield "mysql://root:*@h/db"
    yield "postgresql://u:a%*@h/db"
    yield "host=h password=*"


def open_():
    yield text(1, OPEN)
    yield text(1, OPEN + number(7, 3) + number(8, 1) + text(9, "9f3c")) + number(3, 1 << 62)
    yield text(1, OPEN) + text(2, message(1, "a"))
    yield text(1, text(1, "s" * 129)) + number(3, 5)
    yield text(1, text(2, "short"))
    yield text(1, text(3, "n" * 257))
    yield text(1, text(2, "t" * 64)) + number(3, (1 << 62) + 1)
    yield text(1, text(1, "s" * 128) + text(2, "t" * 64) + text(3, "n" * 256))
    yield text(1, text(1, "s") + text(2, "t" * 65))


def server_report():
    def report(server_id="processor-1", address="10.0.0.7:50051", rest=b""):
        return text(1, server_id) + text(2, address) + rest

    yield report()
    load = number(5, 1000) + double(6, 1e5) + double(7, 0.5)
    yield report(rest=double(3, 2.5) + number(4, 2) + load + text(8, "9f3c"))
    yield report(address="[2001:db8::1]:443")
    yield report(address="0.0.0.0:1")
    yield report(server_id="two words", address="host:99999")
    yield report(rest=double(3, float("nan")) + double(6, float("inf")))


def registry_record():
    def record(address="10.0.0.7:50051", **metadata):
        return json.dumps({"Op": 0, "Addr": address, "Metadata": metadata})

    full = record(
        server_id="processor-1", address="10.0.0.7:50051", weight=2.5, state="SERVER_STATE_DRAINING",
        sessions="1000", messages_per_second=1e5, utilization=0.5, store_generation="9f3c", cordoned=True,
        takes_orders=True,
        vitals={"version": "1.2.3", "descriptors": "10", "certificates_expire": "2027-01-01T00:00:00Z"},
    )  # fmt: skip
    yield full
    yield full + " " * (16384 - len(full))
    yield full + " " * (16385 - len(full))
    yield '{"Op":1,"Addr":"a:1"}'
    yield '{"Addr":"a:1","Metadata":{"weight":"NaN","utilization":"Infinity","zone":[{}]}}'
    yield '{"Addr":"a:1","Metadata":{"state":7,"vitals":{"clock":"1970-01-01T00:00:00.5Z"}}}'
    yield '{"Addr":"\\ud83c\\udf89:1","Metadata":{"server_id":"\\u0000"}}'
    yield '{"Addr":1}'
    yield "[" * 40
    yield record(sessions=-1)


def text_():
    yield b"\x20ipv4:192.0.2.7:56324"
    yield b"\x10ipv6:%5B2001:db8::1%5D:1"
    yield b"\x05" + "Grüße, 世界 🎉".encode()
    yield b"\x40a\nb\tc\x7f \"quoted\" \\ = \xff\xfe\xed\xa0\x80"
    yield b"\x08" + "zeile\u2028eins\u202emixed\u0085".encode()
    yield b"\xff" + b"x" * 300


def trace_headers():
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    yield parent
    yield "cc" + parent[2:] + "-later"
    yield parent[:3] + "0" * 32 + parent[35:]
    yield parent[:36] + "0" * 16 + parent[52:]
    yield "ff" + parent[2:]
    yield message(1, "hi", [("traceparent", parent), ("tracestate", "a=b"), ("traceresponse", "")])
    yield message(1, "hi", [("tracestate", "a=b"), ("traceparent", parent), ("tracestate", "c=d")])
    yield message(1, "hi", [("traceparent", parent), ("traceparent", parent)])
    yield message(1, "hi", [("tracestate", "x" * 512), ("traceparent", "nonsense")])
    yield message(1, "hi", [("tracestate", "a\nb"), ("tracestate", "x" * 513)])


def outbox():
    def integer(value):
        return b"\x00" + (bytes([value]) if value < 128 else b"\xff" + struct.pack(">Q", value))

    def string(value):
        return b"\x01" + sized(value)

    def blob(value):
        return b"\x02" + sized(value)

    headers = text(3, text(1, "key") + text(2, "value"))
    first = integer(1) + blob(headers) + blob("payload")
    second = integer(2) + blob("") + blob("more")
    yield bytes([0]) + first + second
    yield bytes([16 | 32 | 64]) + integer(1) + string("9f3c") + integer(5) + integer(6) + blob("") + blob("six")
    yield bytes([64]) + integer(5) + integer(6) + blob("") + blob("six")
    yield bytes([2]) + integer(9)
    yield bytes([0]) + second
    yield bytes([0]) + integer(1) + blob(b"\xff") + blob("")
    yield bytes([128]) + string("other") + first
    yield bytes([16 | 64]) + integer(1) + b"\x00\x80"


def main():
    fuzzers = {
        "access_file": access_file, "client_session": client_session, "effects": effects, "http": http,
        "jwks": jwks, "jwt": jwt, "open": open_, "outbox": outbox, "outcomes": outcomes,
        "proxy_header": proxy_header, "request_frame": request_frame, "response_frame": response_frame,
        "registry_record": registry_record, "server_report": server_report, "store_url": store_url, "text": text_,
        "trace_headers": trace_headers, "worker_frames": worker_frames, "worker_input": worker_input,
        "worker_lines": worker_lines,
    }  # fmt: skip
    for name, seeds in fuzzers.items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(seeds()):
            (folder / f"seed-{i:02}").write_bytes(seed.encode() if isinstance(seed, str) else seed)


if __name__ == "__main__":
    main()
