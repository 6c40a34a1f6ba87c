"""What is refused as a record, what a table shows of one, and what an output becomes."""

import copy
import pathlib
import tempfile
import unittest

import records
import tables

GOOD = """{
  "schema": "taper-record-1", "title": "Speed", "date": "2026-11-24",
  "machine": {"name": "two", "cpu": "a processor", "cores": 2, "memory": 8},
  "commands": ["taper bench model.taper -o json"], "commit": "abc1234", "version": "0.1.0",
  "columns": [{"key": "bits", "title": "bits"}, {"key": "rate", "title": "tok/s", "format": "{} ({}-{})"}],
  "rows": [[4, [10.50, 9.0, 11]], [2, null]],
  "views": {"short": {"columns": ["rate"], "where": {"bits": [4]}, "formats": {"rate": "{0}"}}}
}"""


def good():
    return records.parse(GOOD, "good")


class Refusal(unittest.TestCase):
    def refuse(self, change, message):
        record = copy.deepcopy(good())
        change(record)
        with self.assertRaisesRegex(records.RecordError, message):
            records.check(record, "bad")

    def test_a_sound_record_is_accepted(self):
        records.check(good(), "good")

    def test_what_a_figure_cannot_do_without(self):
        for key in ("date", "machine", "commands", "commit", "version", "title", "columns", "rows"):
            self.refuse(lambda record: record.pop(key), f'"{key}" is missing')

    def test_unknown_keys(self):
        self.refuse(lambda record: record.update(comand="x"), 'unknown key "comand"')
        self.refuse(lambda record: record["machine"].update(ram=1), 'unknown key "ram"')
        self.refuse(lambda record: record["columns"][0].update(unit="s"), 'unknown key "unit"')
        self.refuse(lambda record: record["views"]["short"].update(rows=[1]), 'unknown key "rows"')

    def test_empty_and_badly_typed_values(self):
        self.refuse(lambda record: record.update(commands=[]), '"commands" is empty')
        self.refuse(lambda record: record.update(commands=[""]), "list of texts")
        self.refuse(lambda record: record.update(version=""), '"version" is empty')
        self.refuse(lambda record: record["machine"].update(cores="2"), '"cores" has the wrong type')
        self.refuse(lambda record: record["machine"].update(cores=True), '"cores" has the wrong type')

    def test_dates_and_commits(self):
        self.refuse(lambda record: record.update(date="24 November"), "expected year-month-day")
        self.refuse(lambda record: record.update(date="2999-01-01"), "has not come yet")
        self.refuse(lambda record: record.update(commit="main"), "hexadecimal")

    def test_rows_that_do_not_fit(self):
        self.refuse(lambda record: record["rows"].append([1]), "not the 2 cells")
        self.refuse(lambda record: record["rows"].append([1, [1, 2]]), "does not fit")
        self.refuse(lambda record: record["rows"].append([1, [1, 2, 3, 4]]), "other places")
        self.refuse(lambda record: record["rows"].append([True, None]), "no figure")

    def test_views_of_columns_that_are_not_there(self):
        self.refuse(lambda record: record["views"]["short"].update(columns=["speed"]), 'no column "speed"')

    def test_text_that_is_no_sound_json(self):
        for text, message in (("{", "not JSON"), ('{"a": NaN}', "no figure"), ('{"a": 1, "a": 2}', "stands twice")):
            with self.assertRaisesRegex(records.RecordError, message):
                records.parse(text, "bad")


class Output(unittest.TestCase):
    def derived(self):
        record = good()
        record["rows_from"] = "rows"
        record["output"] = {"rows": [{"bits": 4, "rates": [3000, 1000, 2000]}, {"bits": 2}]}
        record["columns"][1].update({"from": "rates", "reduce": "range", "divide": 1000, "digits": 1})
        record["rows"] = records.derive(record, "output")
        return record

    def test_rows_are_read_off_the_output(self):
        record = records.parse(records.write(self.derived()), "written")
        records.check(record, "written")
        self.assertIn("| 4 | 2.0 (1.0-3.0) |", tables.table("written", record))

    def test_rows_that_the_output_does_not_give_are_refused(self):
        record = self.derived()
        record["rows"][0][0] = 5
        with self.assertRaisesRegex(records.RecordError, "not those of the output"):
            records.check(record, "changed")


class Pages(unittest.TestCase):
    def test_figures_keep_their_digits(self):
        self.assertEqual(
            tables.table("good", good()), "| bits | tok/s |\n|---:|---:|\n| 4 | 10.50 (9.0-11) |\n| 2 | |\n")
        self.assertEqual(records.parse(records.write(good()), "again"), good())

    def test_a_view_chooses_rows_columns_and_figures(self):
        self.assertEqual(tables.table("good", good(), "short"), "| tok/s |\n|---:|\n| 10.50 |\n")

    def test_markers_are_filled_and_what_is_wrong_with_them_is_said(self):
        text, names = tables.fill("<!-- record good.short -->\nstale\n<!-- end -->\n", {"good": good()}, "page", "results")
        self.assertEqual(
            text,
            "<!-- record good.short -->\n| tok/s |\n|---:|\n| 10.50 |\n\n"
            "*24 November 2026, two, version 0.1.0 at `abc1234`* ([record](results/good.json))\n<!-- end -->\n")
        self.assertEqual(names, {"good"})
        for text, message in (
            ("<!-- record other -->\n<!-- end -->", "no record"), ("<!-- record good -->\n", "has no end"),
            ("<!-- record good.long -->\n<!-- end -->", "no view"),
        ):
            with self.assertRaisesRegex(records.RecordError, message):
                tables.fill(text, {"good": good()}, "page", "results")

    def test_one_name_is_one_machine(self):
        other = good()
        other["machine"]["cores"] = 4
        with self.assertRaisesRegex(records.RecordError, "another machine"):
            tables.machines({"good": good(), "other": other})

    def test_a_page_names_records_that_are_there(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "good.json").write_text(GOOD, encoding="utf-8")
            page = '{"schema": "taper-results-page-1", "title": "R", "intro": ["x"], "sections": [{"title": "S", "records": ["%s"]}]}'
            (path / "page.json").write_text(page % "good", encoding="utf-8")
            self.assertEqual(list(records.read_all(path)[0]), ["good"])
            (path / "page.json").write_text(page % "bad", encoding="utf-8")
            with self.assertRaisesRegex(records.RecordError, 'no record "bad"'):
                records.read_all(path)


if __name__ == "__main__":
    unittest.main()
