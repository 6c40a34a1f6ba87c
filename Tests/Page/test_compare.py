"""One prompt at three precisions, and the bundle page."""

import json
import subprocess
import unittest

from serving import BUNDLE, TAPER, PageTest, last, piece


class CompareTests(PageTest):
    def compare(self, prompt="Who was Noah?", **fields):
        for name, value in fields.items():
            self.page.select_option("#compare-" + name, str(value))
        self.page.fill("#compare-prompt", prompt)
        self.page.press("#compare-prompt", "Enter")
        self.page.locator("#compare-run:not([hidden])").wait_for()
        return self.page.locator(".column")

    def texts(self):
        return self.page.locator(".column .text").all_inner_texts()

    def test_three_answers_and_their_differences(self):
        self.visit("#compare")
        self.set(schedule="switch", switch_points="6@0,5@8", max_tokens=48)
        columns = self.compare(low=2, high=6)
        texts = self.texts()
        self.assertEqual(len(texts), 3)
        self.assertTrue(all(texts))
        # What is boxed is what is not there at high precision, and nothing where all is the same.
        for index, text in enumerate(texts[:2]):
            boxed = columns.nth(index).locator("mark").count()
            self.assertEqual(boxed > 0, not texts[2].split()[:len(text.split())] == text.split(), text)
        self.assertNotEqual(texts[1], texts[2], "two bits write what six do: the sample shows no difference")
        self.assertIn("words differ", columns.nth(1).locator(".verdict").inner_text())
        self.assertEqual(columns.nth(2).locator("mark").count(), 0)
        self.assertEqual(columns.nth(2).locator(".text .bits:not([data-drop='0'])").count(), 0)
        self.assertEqual(self.page.locator("#bits-plot .curve").count(), 3)
        self.assertRegex(self.page.locator("#status").inner_text(), r"High: \d+ tokens")

    def test_the_same_seed_for_all(self):
        self.visit("#compare")
        self.set(max_tokens=4, temperature=0.9)
        bodies = []
        self.page.on("request", lambda request: bodies.append(request.post_data) if request.method == "POST" else None)
        self.compare()
        seeds = {json.loads(body)["seed"] for body in bodies}
        self.assertEqual((len(bodies), len(seeds)), (3, 1))

    def test_in_turn_they_do_not_disturb_each_other(self):
        self.visit("#compare")
        self.set(max_tokens=8)
        running, most = [0], [0]

        def count(change):
            running[0] += change
            most[0] = max(most[0], running[0])
        self.page.on("request", lambda request: count(1) if request.method == "POST" else None)
        self.page.on("requestfinished", lambda request: count(-1) if request.method == "POST" else None)
        self.page.on("requestfailed", lambda request: count(-1) if request.method == "POST" else None)
        self.compare(order="turns")
        self.assertEqual(most[0], 1)
        self.assertTrue(all(self.texts()))

    def test_marks_cross_a_change_of_bits(self):
        self.visit("#compare")
        answers = {6: ["one two ", "three four"], 3: ["one zwei ", "drei four"]}

        def fulfill(route):
            precision = json.loads(route.request.post_data).get("precision", {})
            words = answers[3 if precision.get("bits") == 3 else 6]
            chunks = [piece(words[0], 6), piece(words[1], 3), last()]
            route.fulfill(content_type="text/event-stream", body="".join(f"data: {json.dumps(one)}\n\n" for one in chunks)
                          + "data: [DONE]\n\n")
        self.page.route("**/v1/chat/completions", fulfill)
        columns = self.compare(low=3, high=6)
        self.assertEqual(columns.nth(1).locator("mark").all_inner_texts(), ["zwei ", "drei"])
        self.assertEqual(self.texts()[1], "one zwei drei four")
        self.assertIn("2 of 4 words differ, the first is word 2", columns.nth(1).locator(".verdict").inner_text())
        self.assertIn("Word for word", columns.nth(0).locator(".verdict").inner_text())

    def test_escape_stops_all(self):
        self.visit("#compare")
        self.answer_never()
        self.page.fill("#compare-prompt", "Who?")
        self.page.press("#compare-prompt", "Enter")
        self.page.locator("#compare-stop").wait_for()
        self.page.keyboard.press("Escape")
        self.page.locator("#compare-run:not([hidden])").wait_for()


class BundleTests(PageTest):
    def test_it_tells_what_inspect_tells(self):
        told = json.loads(subprocess.run([TAPER, "inspect", BUNDLE, "--json"], capture_output=True, check=True).stdout)
        self.visit("#bundle")
        rows = self.page.locator("#bundle-body section").first.locator("tbody tr")
        schedules = told["schedules"]
        self.assertEqual(rows.count(), len(told["precisions"]) + len(schedules))
        cells = rows.first.locator("th, td").all_inner_texts()
        highest = told["precisions"][-1]
        self.assertEqual(cells[0], f"{highest['bits']} bits")
        self.assertIn(f"{highest['quality']['perplexity']:.2f}", cells)
        self.assertIn(f"{highest['quality']['kl_mean']:.4f}", cells)
        sections = self.page.locator(".schedule")
        self.assertEqual(sections.locator("h3").all_inner_texts(), [one["task"] for one in schedules] + ["learned"])
        learned = told["learned"]["pairs"]
        compared = sections.last.locator("tbody tr")
        self.assertEqual(compared.count(), sum(len(pair["evidence"]["comparison"]) for pair in learned))
        for index, schedule in enumerate(schedules):
            candidates = schedule["evidence"]["candidates"]
            section = sections.nth(index)
            self.assertEqual(section.locator(".mark").count(), len(candidates))
            self.assertEqual(section.locator(".mark-chosen").count(), 1)
            section.locator("summary").click()
            self.assertEqual(section.locator("tbody tr").count(), len(candidates))
            steps = ", ".join(f"{step['bits']}@{step['from_step']}" for step in schedule["steps"])
            self.assertIn(steps, section.inner_text())

    def test_the_plots_are_described(self):
        self.visit("#bundle")
        labels = self.page.locator("#bundle svg[role=img]").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
        self.assertGreaterEqual(len(labels), 3)
        self.assertTrue(all(len(label) > 40 for label in labels))


if __name__ == "__main__":
    unittest.main()
