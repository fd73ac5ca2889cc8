"""cc_proto(): C++ messages and, on demand, gRPC stubs, made by the system's protoc."""

def import_root(root = "proto"):
    """Returns protoc's -I for a genrule: a folder of the repository whose BUILD file asks.

    Args:
      root: the folder, from the repository's root on.
    """
    repository = native.repository_name()
    return root if repository == "@" else "external/{}/{}".format(repository[1:], root)

def cc_proto(name, srcs, root = "proto", grpc = False, imports = [], deps = [], **kwargs):
    """Compiles .proto files of this package into one cc_library.

    Args:
      name: the library's name.
      srcs: .proto files, in this package.
      root: the import root: the folder that import paths are relative to.
      grpc: whether the files hold services.
      imports: .proto files of other packages that these files import (they must
        be under the same root).
      deps: the cc_proto libraries of those.
      **kwargs: passed to the cc_library.
    """
    stems = [src[:-len(".proto")] for src in srcs]
    headers = [stem + ".pb.h" for stem in stems]
    sources = [stem + ".pb.cc" for stem in stems]
    options = ["--cpp_out=$(RULEDIR)/" + _up(root)]
    if grpc:
        headers += [stem + ".grpc.pb.h" for stem in stems]
        sources += [stem + ".grpc.pb.cc" for stem in stems]
        options += [
            "--grpc_out=$(RULEDIR)/" + _up(root),
            "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin",
        ]
    native.genrule(
        name = name + "_protoc",
        srcs = srcs + imports,
        outs = headers + sources,
        cmd = "protoc -I{root} {options} {files}".format(
            root = import_root(root),
            options = " ".join(options),
            files = " ".join(["$(location {})".format(src) for src in srcs]),
        ),
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = ["-w"],
        strip_include_prefix = "/" + root,
        deps = deps + ["@system//:protobuf"] + (["@system//:grpc++"] if grpc else []),
        **kwargs
    )

def _up(root):
    depth = len(native.package_name().split("/")) - len([part for part in root.split("/") if part])
    return "/".join([".."] * depth) if depth else "."
