"""A rule for Debian packages."""

load("//bazel:version.bzl", "VERSION")

_ALL = [
    "//:CHANGELOG.md",
    "debian/copyright",
]

def deb(name, control, programs = {}, section = 1, pages = {}, files = {}, tars = [], scripts = {}):
    """Makes NAME.deb, whose version is that of the programs.

    Args:
      name: the package's, and the target's.
      control: its control file, with @VERSION@, @ARCHITECTURE@, @INSTALLED_SIZE@, @LIBRARIES@.
      programs: label to path; they get man pages and completions of their --help.
      section: of the man pages.
      pages: label to a program's name: roff that ends its man page.
      files: label to path. Below etc they are the administrator's: conffiles.
      tars: labels of what is unpacked at the root.
      scripts: postinst, prerm or postrm to the labels of its parts.
    """
    options = ["--version=" + VERSION, "--section=%d" % section, "--control=$(location %s)" % control]
    options += ["--changelog=$(location %s)" % _ALL[0], "--copyright=$(location %s)" % _ALL[1]]
    options += ["--program=$(location %s)=%s" % (label, path) for label, path in programs.items()]
    options += ["--page=$(location %s)=%s" % (label, page) for label, page in pages.items()]
    options += ["--file=$(location %s)=%s" % (label, path) for label, path in files.items()]
    options += ["--tar=$(location %s)" % label for label in tars]
    parts = []
    for script, labels in scripts.items():
        options += ["--%s=$(location %s)" % (script, label) for label in labels]
        parts += [label for label in labels if label not in parts]
    native.genrule(
        name = name,
        srcs = _ALL + [control] + tars + parts + [
            label
            for labels in (programs, pages, files)
            for label in labels.keys()
        ],
        outs = [name + ".deb"],
        cmd = "$(location :make_deb) --out=$@ " + " ".join(options),
        # A build of everything else needs no dpkg.
        tags = ["manual"],
        tools = [":make_deb"],
        visibility = ["//visibility:public"],
    )
