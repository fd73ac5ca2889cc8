"""A program's --help as completions for bash and zsh."""

import re

_BASH = """\
# Completes {name}; made from its --help.
{function}() {{
  local word=$2 flag=
  # To bash the "=" of --flag=value is a word of its own.
  if [[ $word == = ]]; then
    flag=${{COMP_WORDS[COMP_CWORD - 1]}}
    word=
  elif [[ $3 == = ]]; then
    flag=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  case $flag in
    "") ;;
    {booleans})
      mapfile -t COMPREPLY < <(compgen -W "true false" -- "$word")
      return
      ;;
    *)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return
      ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "{flags}" -- "$word")
    if [[ ${{COMPREPLY[0]}} == *= ]]; then compopt -o nospace; fi
{otherwise}  fi
}}
complete -F {function} {name}
"""

_BASH_COMMANDS = """\
  elif [[ " ${{COMP_WORDS[*]:1:COMP_CWORD - 1}} " != *" "@({alternatives})" "* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "{words}" -- "$word")
"""


def _function(name):
    return "_" + name.replace("-", "_")


def _word(flag):
    return f"--{flag.name}" + ("" if flag.boolean or flag.value is None else "=")


def bash(name, said):
    """Returns a file for bash-completion's folder."""
    commands = [command.name for command in said.commands]
    otherwise = ""
    if commands:
        otherwise = _BASH_COMMANDS.format(alternatives="|".join(commands), words=" ".join(commands))
    return _BASH.format(
        name=name,
        function=_function(name),
        booleans="|".join(f"--{flag.name}" for flag in said.flags if flag.boolean) or "--",
        flags=" ".join(_word(flag) for flag in said.flags),
        otherwise=otherwise,
    )


def _zsh_text(text):
    """The first sentence, as it may stand between the brackets and quotes of a specification."""
    first = re.split(r"(?<=[a-z)])[.;:] ", text)[0].rstrip(".")
    return re.sub(r"([\[\]:\\])", r"\\\1", first).replace("'", "'\\''")


def _zsh_flag(flag):
    text = _zsh_text(flag.text)
    if flag.boolean or flag.value is None:
        return f"'--{flag.name}[{text}]'"
    return f"'--{flag.name}=[{text}]:value:_files'"


def zsh(name, said):
    """Returns a file for a folder of zsh's fpath."""
    lines = [f"#compdef {name}", f"# Completes {name}; made from its --help."]
    specifications = [_zsh_flag(flag) for flag in said.flags]
    if said.commands:
        # Zsh evaluates what stands between the double parentheses.
        described = " ".join(
            f'{command.name}\\:"{_zsh_text(command.text)}"' for command in said.commands
        )
        specifications += [f"'1:command:(({described}))'", "'*:argument:'"]
    lines.append("_arguments \\\n  " + " \\\n  ".join(specifications))
    return "\n".join(lines) + "\n"
