"""libmsgproc: the client as a library to install, for programs that Bazel does not build."""

load("//bazel:version.bzl", "VERSION")

def _installed_library_impl(ctx):
    info = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])

    # Ours alone: of the system's libraries a target has link options and no files.
    archives = []
    for linker_input in info.linking_context.linker_inputs.to_list():
        for library in linker_input.libraries:
            archives.append(library.pic_static_library or library.static_library)
    headers = [
        header
        for header in info.compilation_context.headers.to_list()
        if header.is_source
    ]
    files = ctx.actions.declare_file(ctx.label.name + ".files")
    ctx.actions.write(files, json.encode({
        "archives": [archive.path for archive in archives],
        "configs": {config.basename: config.path for config in ctx.files.configs},
        "contracts": {
            _in_repository(contract)[len("proto/"):]: contract.path
            for contract in ctx.files.contracts
        },
        "headers": {_in_repository(header): header.path for header in headers},
        "modules": ctx.attr.modules,
        "public_headers": [_in_repository(header) for header in ctx.files.public_headers],
        "version": VERSION,
    }))
    ctx.actions.run(
        outputs = [ctx.outputs.out],
        inputs = archives + headers + ctx.files.configs + ctx.files.contracts + [files],
        executable = ctx.executable._pack,
        arguments = [files.path, ctx.outputs.out.path],
        mnemonic = "InstalledLibrary",
        use_default_shell_env = True,
    )

def _in_repository(file):
    # "../NAME/client/x.h" where this repository is somebody's external one.
    path = file.short_path
    return path.split("/", 2)[2] if path.startswith("../") else path

installed_library = rule(
    implementation = _installed_library_impl,
    attrs = {
        "configs": attr.label_list(
            doc = "Templates of what pkg-config and CMake read.",
            allow_files = True,
        ),
        "contracts": attr.label_list(
            doc = "The .proto files, for programs that speak the protocol by themselves.",
            allow_files = [".proto"],
        ),
        "deps": attr.label_list(
            doc = "The targets whose objects go into the library, with all of ours below them.",
            providers = [CcInfo],
        ),
        "modules": attr.string_list(
            doc = "pkg-config's names of the libraries that these need.",
        ),
        "out": attr.output(mandatory = True),
        "public_headers": attr.label_list(
            doc = "What programs include. The headers that these need come along.",
            allow_files = [".h"],
        ),
        "_pack": attr.label(
            default = "//client/package:pack",
            executable = True,
            cfg = "exec",
        ),
    },
)
