"""The system's packages as Bazel targets.

One cc_library a pkg-config module, holding nothing but its link options: the
headers are on the compiler's own search path, and an `includes` attribute on
that folder would break #include_next.
"""

# Target name -> (pkg-config module, Debian package that has it).
_LIBRARIES = {
    "absl_base": ("absl_base", "libabsl-dev"),
    "absl_cord": ("absl_cord", "libabsl-dev"),
    "absl_failure_signal_handler": ("absl_failure_signal_handler", "libabsl-dev"),
    "absl_flags": ("absl_flags", "libabsl-dev"),
    "absl_flags_parse": ("absl_flags_parse", "libabsl-dev"),
    "absl_flags_reflection": ("absl_flags_reflection", "libabsl-dev"),
    "absl_flags_usage": ("absl_flags_usage", "libabsl-dev"),
    "absl_function_ref": ("absl_function_ref", "libabsl-dev"),
    "absl_hash": ("absl_hash", "libabsl-dev"),
    "absl_flat_hash_map": ("absl_flat_hash_map", "libabsl-dev"),
    "absl_flat_hash_set": ("absl_flat_hash_set", "libabsl-dev"),
    "absl_random": ("absl_random_random", "libabsl-dev"),
    "absl_status": ("absl_status", "libabsl-dev"),
    "absl_statusor": ("absl_statusor", "libabsl-dev"),
    "absl_str_format": ("absl_str_format", "libabsl-dev"),
    "absl_strings": ("absl_strings", "libabsl-dev"),
    "absl_synchronization": ("absl_synchronization", "libabsl-dev"),
    "absl_time": ("absl_time", "libabsl-dev"),
    "benchmark": ("benchmark", "libbenchmark-dev"),
    "crypto": ("libcrypto", "libssl-dev"),
    "gmock": ("gmock", "libgmock-dev"),
    "grpc++": ("grpc++", "libgrpc++-dev"),
    "gtest": ("gtest", "libgtest-dev"),
    "gtest_main": ("gmock_main", "libgmock-dev"),
    "microhttpd": ("libmicrohttpd", "libmicrohttpd-dev"),
    "nlohmann_json": ("nlohmann_json", "nlohmann-json3-dev"),
    "openssl": ("openssl", "libssl-dev"),
    "prometheus": ("prometheus-cpp-core", "prometheus-cpp-dev"),
    "prometheus_pull": ("prometheus-cpp-pull", "prometheus-cpp-dev"),
    "pq": ("libpq", "libpq-dev"),
    "protobuf": ("protobuf", "libprotobuf-dev"),
    "rhonabwy": ("librhonabwy", "librhonabwy-dev"),
    "spdlog": ("spdlog", "libspdlog-dev"),
    "sqlite3": ("sqlite3", "libsqlite3-dev"),
    "ssl": ("libssl", "libssl-dev"),
    "systemd": ("libsystemd", "libsystemd-dev"),
}

# Libraries that lack a .pc file: target name -> link options.
_PLAIN = {
    "grpc++_reflection": ["-lgrpc++_reflection"],
    "grpcpp_channelz": ["-lgrpcpp_channelz"],
}

_TARGET = """
cc_library(
    name = "{name}",
    defines = {defines},
    deps = {deps},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

# What most sources include is parsed once: .bazelrc has them include it first.
# In a workspace that does not, nothing is to be built for it.
_PRECOMPILED = """
load(":precompiled.bzl", "precompiled_header")

config_setting(
    name = "precompiles",
    define_values = {{"precompiled_headers": "1"}},
)

# For sources that include nothing of the libraries.
cc_library(
    name = "standard_library",
    deps = select({{
        ":precompiles": [":system_header"],
        "//conditions:default": [],
    }}),
    visibility = ["//visibility:public"],
)

precompiled_header(
    name = "system_header",
    defines = {defines},
    header = "msgproc_system.h",
)

cc_library(
    name = "test_library",
    deps = select({{
        ":precompiles": [":tests_header"],
        "//conditions:default": [],
    }}),
)

precompiled_header(
    name = "tests_header",
    copts = ["-O0", "-U_FORTIFY_SOURCE"],
    defines = {defines},
    header = "msgproc_tests.h",
    deps = [":system_header"],
)
"""
_INCLUDED_BY_TESTS = ["gtest", "gtest_main"]

def _pkg_config(repository_ctx, option, module, package):
    result = repository_ctx.execute(["pkg-config", option, module])
    if result.return_code != 0:
        fail("pkg-config does not know '{}': install the package {} (tools/install_packages does). {}".format(
            module,
            package,
            result.stderr.strip(),
        ))
    return [word for word in result.stdout.strip().split(" ") if word]

def _system_libraries_impl(repository_ctx):
    if not repository_ctx.which("pkg-config"):
        fail("pkg-config is missing: run tools/install_packages.")
    build = ""
    for file in ["precompiled.bzl", "msgproc_system.h", "msgproc_tests.h"]:
        repository_ctx.symlink(Label("//bazel:" + file), file)
    for name, (module, package) in _LIBRARIES.items():
        flags = _pkg_config(repository_ctx, "--cflags-only-other", module, package)
        defines = [flag[2:] for flag in flags if flag.startswith("-D")]
        if name == "gtest":
            build = _PRECOMPILED.format(defines = defines) + build
        build += _TARGET.format(
            name = name,
            defines = defines,
            deps = [":test_library" if name in _INCLUDED_BY_TESTS else ":standard_library"],
            linkopts = _pkg_config(repository_ctx, "--libs", module, package),
        )
    for name, linkopts in _PLAIN.items():
        build += _TARGET.format(name = name, defines = [], deps = [":standard_library"], linkopts = linkopts)
    repository_ctx.file("BUILD", build)

system_libraries = repository_rule(
    implementation = _system_libraries_impl,
    configure = True,
    local = True,
)
