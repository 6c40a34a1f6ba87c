"""Completion of taper-run in bash, zsh and fish; taper prints its own."""


def _all(command):
    return [option for _, options in command.groups for option in options]


def bash(command):
    """Flags after a dash, files and words where a flag wants them."""
    flags = " ".join(name for option in _all(command) for name in option.names)
    cases = []
    for option in _all(command):
        if option.value is None:
            continue
        if option.kind == "file":
            action = "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$current\")"
        elif option.kind:
            action = f"mapfile -t COMPREPLY < <(compgen -W '{' '.join(option.kind)}' -- \"$current\")"
        else:
            action = ":"
        cases.append(f"    {'|'.join(option.names)})\n        {action}\n        return\n        ;;")
    joined = "\n".join(cases)
    return f"""# Completion of taper-run in bash.
_taper_run() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD - 1]}}"
    COMPREPLY=()
    case "$before" in
{joined}
    esac
    mapfile -t COMPREPLY < <(compgen -W '{flags}' -- "$current")
}}
complete -F _taper_run taper-run
"""


def _quoted(text):
    return text.replace("'", "'\\''")


def zsh(command):
    """One specification a spelling; spellings of one flag exclude each other."""
    lines = []
    for option in _all(command):
        text = option.help.replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
        rest = "*" if "may be repeated" in option.help else f"({' '.join(option.names)})"
        action = ""
        if option.value is not None:
            action = ":" + option.value.replace(":", "\\:") + ":"
            if option.kind == "file":
                action += "_files"
            elif option.kind:
                action += "(" + " ".join(word.replace(":", "\\:") for word in option.kind) + ")"
        for name in option.names:
            lines.append(f"    '{rest}{name}[{_quoted(text)}]{_quoted(action)}'")
    joined = " \\\n".join(lines)
    return f"#compdef taper-run\n# Completion of taper-run in zsh.\n_arguments -S \\\n{joined}\n"


def fish(command):
    """Short flags of several letters are old-style options to fish."""
    lines = ["# Completion of taper-run in fish.", "complete -c taper-run -f"]
    for option in _all(command):
        parts = ["complete -c taper-run"]
        for name in option.names:
            if name.startswith("--"):
                parts.append(f"-l {name[2:]}")
            else:
                parts.append(f"-{'s' if len(name) == 2 else 'o'} {name[1:]}")
        if option.value is not None:
            # Files where a file is wanted, and nowhere else.
            parts.append("-r -F" if option.kind == "file" else "-x")
            if option.kind and option.kind != "file":
                parts.append(f"-a '{' '.join(option.kind)}'")
        text = option.help.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(" ".join(parts) + f" -d '{text}'")
    return "\n".join(lines) + "\n"


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
