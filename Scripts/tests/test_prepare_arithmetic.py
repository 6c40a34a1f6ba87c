"""Problems out of a generator: different ones, checked ones, enough of them."""

import contextlib
import importlib.util
import io
import pathlib
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parent.parent / "prepare-arithmetic.py"
spec = importlib.util.spec_from_file_location("prepare_arithmetic", SCRIPT)
arithmetic = importlib.util.module_from_spec(spec)
spec.loader.exec_module(arithmetic)


class Generator:
    """Every question twice in a row; the own answer of every fifth is refused."""

    seed = 7

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return {"question": f"{index // 2} + 1 =", "answer": str(index // 2 + 1),
                "metadata": {"source_dataset": "made_up", "source_index": index}}

    def score_answer(self, answer, entry):
        return 0.01 if int(entry["answer"]) % 5 == 0 else float(answer == entry["answer"])


class ArithmeticTests(unittest.TestCase):
    def test_problems_are_different_and_checked(self):
        found = arithmetic.problems(Generator(40), 8)
        self.assertEqual([problem["reference"] for problem in found], ["1", "2", "3", "4", "6", "7", "8", "9"])
        text = found[2]["messages"][0]["content"]
        self.assertTrue(text.startswith("2 + 1 =\n") and "last line" in text)
        self.assertEqual(found[2]["source"], "reasoning-gym 0.1.25, made_up, seed 7, index 4")
        self.assertEqual(found, arithmetic.problems(Generator(40), 8))

    def test_too_few_are_an_error(self):
        with self.assertRaises(SystemExit) as error:
            arithmetic.problems(Generator(10), 8)
        self.assertIn("only 4 different problems of 8", str(error.exception))

    def test_other_wheels_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            wheel = pathlib.Path(folder) / "other.whl"
            wheel.write_bytes(b"something else")
            with self.assertRaises(SystemExit) as error:
                arithmetic.load(wheel)
            self.assertIn("expected the wheel of reasoning-gym", str(error.exception))
            with self.assertRaises(SystemExit) as error:
                arithmetic.load(wheel.with_name("none.whl"))
            self.assertIn("cannot be read", str(error.exception))

    def test_a_folder_or_an_oracle(self):
        for arguments in ([], ["folder", "--oracle", "file"], ["folder", "--test", "0"]):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                arithmetic.sys.argv = ["prepare-arithmetic.py", *arguments]
                arithmetic.main()


if __name__ == "__main__":
    unittest.main()
