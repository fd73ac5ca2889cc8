"""msgproc_repositories(): what a workspace needs that builds with this one.

Everything comes from the system's packages, so a build works offline. Bazel would
download the repositories below by itself unless a WORKSPACE declares them;
docs/decisions/0001-bazel-on-system-packages.md says why each one stands here.
"""

load(":system.bzl", "system_libraries")

def _folder_repository_impl(repository_ctx):
    for entry in repository_ctx.path(repository_ctx.attr.workspace_file).dirname.readdir():
        repository_ctx.symlink(entry, entry.basename)

# A local_repository whose path is found from wherever this repository is.
_folder_repository = repository_rule(
    implementation = _folder_repository_impl,
    attrs = {"workspace_file": attr.label(mandatory = True)},
    local = True,
)

# Debian's packages of them.
_PACKAGED = {
    "bazel_skylib": "/usr/share/bazel/tools/skylib",
    "platforms": "/usr/share/bazel/tools/platforms",
    "rules_java": "/usr/share/bazel/rules/java",
    "rules_proto": "/usr/share/bazel/rules/proto",
}

_OURS = {
    # Every test target asks for this repository, coverage run or not.
    "remote_coverage_tools": Label("//bazel/remote_coverage_tools:WORKSPACE"),
    # Debian's bazel-rules-cc does not load in Debian's Bazel 4.2.3.
    "rules_cc": Label("//bazel/rules_cc:WORKSPACE"),
}

# buildifier: disable=unnamed-macro
def msgproc_repositories():
    """Declares the repositories that a build needs; those that are there already stay."""
    for name, path in _PACKAGED.items():
        if not native.existing_rule(name):
            native.local_repository(name = name, path = path)
    for name, workspace_file in _OURS.items():
        if not native.existing_rule(name):
            _folder_repository(name = name, workspace_file = workspace_file)
    if not native.existing_rule("system"):
        system_libraries(name = "system")
