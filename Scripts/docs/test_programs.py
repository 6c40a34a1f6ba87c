"""Reading the programs' help, and what pages, manual pages and completion make of it."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import completions
import examples
import manual
import programs

HELP = r"""usage: taper-run -m MODEL.taper [options]

Runs a bundle.

Model:
  -m, --model FILE                  the bundle to run
  -no-cnv, --no-cnv, --no-conversation
                                    leave the chat template out
  --schedule S                      static:TASK or it's fixed

Output:
  -e, --escape                      read \n as an escape
  --logit-bias ID(+|-)X             add X (may be repeated)

Results go to standard output.
"""


class ProgramTests(unittest.TestCase):
    def program(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "taper-run"
        path.write_text(f"#!{sys.executable}\nprint({text!r}, end='')\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def command(self):
        return programs.runner(self.program(HELP))

    def test_the_runners_help_is_read(self):
        command = self.command()
        self.assertEqual([title for title, _ in command.groups], ["Model", "Output"])
        model, raw, schedule = command.groups[0][1]
        self.assertEqual((model.names, model.value, model.kind), (["-m", "--model"], "FILE", "file"))
        self.assertEqual((raw.names[-1], raw.value, raw.help), ("--no-conversation", None, "leave the chat template out"))
        self.assertEqual(schedule.kind, ["static:", "learned", "fixed"])
        self.assertEqual(command.groups[1][1][1].value, "ID(+|-)X")
        self.assertEqual(command.ending, "Results go to standard output.")

    def test_another_form_of_help_is_refused(self):
        for text in ("", "Usage of it\n\nx\n\nModel:\n  -m  x\n", "usage: taper-run\n\nx\n\nModel:\n  --model FILE\n\n"):
            with self.assertRaises(programs.ProgramError):
                programs.runner(self.program(text))

    def test_a_program_that_fails_is_named(self):
        with self.assertRaisesRegex(programs.ProgramError, "/nowhere/taper"):
            programs.version("/nowhere/taper")

    def test_broken_lines_become_paragraphs(self):
        text = "One line\nof two.\n\nThen code:\n  taper bench\n"
        self.assertEqual(programs.paragraphs(text), ["One line of two.", "Then code:", "    taper bench"])

    def test_values_and_defaults_stand_in_the_text(self):
        option = programs.Option(["--output"], "Form.", "output", "md", values=["md", "csv"])
        self.assertEqual(option.text, "Form (values: md, csv; default: md).")

    def test_manual_pages_are_literal(self):
        self.assertEqual(manual.escaped(r"a\b --c"), r"a\eb \-\-c")
        self.assertEqual(manual.escaped(".so it begins"), r"\&.so it begins")
        self.assertEqual(manual.escaped("`taper` and [a page](x.md)"), r"\fBtaper\fP and a page")
        self.assertEqual(
            manual.prose("Text:\n\n    code --x\n\n| a | b |\n|---|---|\n| `2` | bad |\n"),
            ["Text:", ".PP", ".EX", r"code \-\-x", ".EE", ".PP", ".TP", r"\fB2\fP", "bad"])
        page = manual.page(self.command(), "1.0", "2026-11-26", [("Examples", "    taper-run\n")], ["taper"])
        self.assertIn('.TH TAPER\\-RUN 1 "2026-11-26" "Taper 1.0" "Taper"\n.SH NAME\ntaper\\-run \\- Runs a bundle\n', page)
        self.assertIn("\\fB\\-m\\fP, \\fB\\-\\-model\\fP \\fIFILE\\fP\nthe bundle to run\n", page)
        self.assertTrue(page.endswith(".SH SEE ALSO\n\\fBtaper\\fP(1)\n"))

    def test_flags_in_examples_exist(self):
        known = {"taper": {"--version"}, "taper eval": set(), "taper eval kl": {"-f", "--bits"}, **examples.flags_of([self.command()])}
        for text in (
            '    taper-run -m a.taper "--none" # --none', "$ taper eval kl a-b.taper -f x --bits 4 | sort -r",
            "Say `taper eval kl MODEL [--bits P]` or `taper-run --no_cnv`.", "Not --this, nor `make --that`.",
        ):
            self.assertEqual(list(examples.wrong(text, known)), [])
        for text, message in (
            ("    taper-run -m x --swich 4", "taper-run has no --swich"), ("taper eval kl x --windows 4", "taper eval kl has no --windows"),
            ("Say `taper eval -f x`.", "taper eval has no -f"),
        ):
            self.assertIn(message, "".join(examples.wrong(text, known)))

    def test_completion_is_sound_shell(self):
        command = self.command()
        script = completions.bash(command)
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("-no-cnv --no-cnv --no-conversation", script)
        self.assertIn("'*--logit-bias[add X (may be repeated)]:ID(+|-)X:'", completions.zsh(command))
        self.assertIn("static\\:TASK or it'\\''s fixed", completions.zsh(command))
        self.assertIn("complete -c taper-run -o no-cnv -l no-cnv -l no-conversation -d", completions.fish(command))
        self.assertIn("it\\'s fixed", completions.fish(command))


if __name__ == "__main__":
    unittest.main()
