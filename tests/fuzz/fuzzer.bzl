"""A fuzzer, once for libFuzzer and once as a test that every build runs."""

def fuzzer(name, deps, mutations = 3000):
    """Builds NAME_fuzzer.cc twice.

    NAME_fuzzer is for libFuzzer: `bazel build --config=fuzz`, which tools/fuzz does.
    NAME_test runs the corpus and mutations of it, with any compiler and sanitizer.

    Args:
      name: what is fuzzed; its corpus is in corpus/NAME.
      deps: what NAME_fuzzer.cc includes.
      mutations: how many inputs the test makes of the corpus.
    """
    source = name + "_fuzzer.cc"
    native.cc_binary(
        name = name + "_fuzzer",
        testonly = True,
        srcs = [source],
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = deps,
    )
    native.cc_test(
        name = name + "_test",
        size = "medium",
        srcs = [source],
        args = ["tests/fuzz/corpus/" + name, str(mutations)],
        data = native.glob(["corpus/" + name + "/*"]),
        deps = deps + [":replay"],
    )
