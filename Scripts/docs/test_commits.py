"""The check of commits' subjects, on histories made for it."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
AFTER = "2030-01-01T00:00:00+0000"


class CommitTests(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copy(ROOT / "CONTRIBUTING.md", self.folder)

    def git(self, *arguments, date=AFTER):
        person = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
        environment = {
            **os.environ, **person, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        subprocess.run(["git", "-C", str(self.folder), *arguments], check=True, capture_output=True, env=environment)

    def history(self, *subjects, date=AFTER):
        if not (self.folder / ".git").exists():
            self.git("init", "-q", "-b", "main")
        for subject in subjects:
            self.git("commit", "-q", "--allow-empty", "-m", subject, date=date)

    def check(self):
        environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(self.folder.parent)}
        return subprocess.run(
            [str(ROOT / "Scripts" / "check-commits.sh"), str(self.folder)], capture_output=True, text=True, check=False,
            env=environment)

    def test_sound_subjects_pass(self):
        self.history("storage: read a file", "model, checkpoint: a family more", "docs: " + "x" * 59)
        done = self.check()
        self.assertEqual((done.returncode, done.stdout), (0, "commits: 3 subjects checked\n"))

    def test_what_is_wrong_is_said(self):
        for subject, message in (
            ("storge: read a file", 'no area "storge"'), ("docs: " + "x" * 60, "66 characters"), ("read a file", "expected"),
            ("docs:no blank", "expected"), ("docs, modl: a page", 'no area "modl"'),
            ("docs, tests, ci, text: all", "at most three"),
        ):
            with self.subTest(subject):
                shutil.rmtree(self.folder / ".git", ignore_errors=True)
                self.history(subject)
                done = self.check()
                self.assertEqual(done.returncode, 1)
                self.assertIn(message, done.stderr)

    def test_a_merge_is_called_one(self):
        self.history("docs: a page")
        self.git("checkout", "-q", "-b", "other")
        self.history("text: a word")
        self.git("checkout", "-q", "main")
        self.history("tests: a test")
        self.git("merge", "-q", "--no-ff", "-m", "Merge branch 'other'", "other")
        self.assertIn("a merge is", self.check().stderr)
        self.git("commit", "-q", "--amend", "-m", "merge: a word")
        self.assertEqual(self.check().returncode, 0)

    def test_commits_of_before_do_not_count(self):
        self.history("anything goes", date="2026-11-01T00:00:00+0000")
        self.history("docs: a page")
        self.assertEqual(self.check().stdout, "commits: 1 subjects checked\n")

    def test_a_copy_without_history_has_nothing_to_check(self):
        done = self.check()
        self.assertEqual(done.returncode, 0)
        self.assertIn("no history", done.stdout)


if __name__ == "__main__":
    unittest.main()
