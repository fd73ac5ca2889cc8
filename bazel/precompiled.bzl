"""precompiled_header(): one header of the system's, parsed once for many sources."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_COMPILE_ACTION_NAME")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _precompiled_header_impl(ctx):
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )

    # A compiler looks for X.gch beside the X that it finds: both lie in a folder
    # of their own.
    header = ctx.actions.declare_file("precompiled/" + ctx.file.header.basename)
    ctx.actions.symlink(output = header, target_file = ctx.file.header)
    compiled = ctx.actions.declare_file(header.basename + ".gch", sibling = header)
    included = cc_common.merge_cc_infos(
        cc_infos = [dep[CcInfo] for dep in ctx.attr.deps],
    ).compilation_context
    compile = cc_common.create_compile_variables(
        cc_toolchain = toolchain,
        feature_configuration = features,
        source_file = header.path,
        output_file = compiled.path,
        system_include_directories = included.system_includes,
        preprocessor_defines = depset(ctx.attr.defines),
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts +
                             ctx.attr.copts + ["-x", "c++-header"],
        use_pic = True,
    )
    ctx.actions.run(
        executable = cc_common.get_tool_for_action(
            feature_configuration = features,
            action_name = CPP_COMPILE_ACTION_NAME,
        ),
        arguments = cc_common.get_memory_inefficient_command_line(
            feature_configuration = features,
            action_name = CPP_COMPILE_ACTION_NAME,
            variables = compile,
        ),
        env = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = CPP_COMPILE_ACTION_NAME,
            variables = compile,
        ),
        inputs = depset(
            [header, ctx.file.header],
            transitive = [included.headers, toolchain.all_files],
        ),
        outputs = [compiled],
        mnemonic = "PrecompileHeader",
        progress_message = "Precompiling %s" % ctx.label,
    )
    context = cc_common.create_compilation_context(
        headers = depset([header, compiled]),
        system_includes = depset([header.dirname]),
        defines = depset(ctx.attr.defines),
    )
    return [
        DefaultInfo(files = depset([header, compiled])),
        cc_common.merge_cc_infos(
            direct_cc_infos = [CcInfo(compilation_context = context)],
            cc_infos = [dep[CcInfo] for dep in ctx.attr.deps],
        ),
    ]

precompiled_header = rule(
    implementation = _precompiled_header_impl,
    doc = """Compiles a header that a source names first: -include with its name.

The flags of such a source must be the same, or the compiler rejects what is
compiled and reads the header (-Winvalid-pch says so).""",
    attrs = {
        "header": attr.label(
            allow_single_file = [".h"],
            mandatory = True,
            doc = "Includes headers of the system's and of `deps` alone: others would be inputs, and change.",
        ),
        "copts": attr.string_list(doc = "What a source is compiled with beyond the build's own flags."),
        "deps": attr.label_list(
            providers = [CcInfo],
            doc = "What the header includes that is not the system's.",
        ),
        "defines": attr.string_list(doc = "Macros that the header looks at; dependents get them, too."),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    fragments = ["cpp"],
    incompatible_use_toolchain_transition = True,
)
