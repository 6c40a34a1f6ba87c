"""The conversation, against the real engine."""

import json
import unittest

from serving import PageTest, error, last, piece

POINTS = "6@0,5@4,4@8,3@16"
PROMPT = "Who was Noah?"


class ChatTests(PageTest):
    def falling(self, tokens=32):
        self.visit()
        self.set(schedule="switch", switch_points=POINTS, max_tokens=tokens, temperature=0)

    def test_bits_fall_while_it_writes(self):
        self.falling()
        turn = self.ask(PROMPT)
        drops = turn.locator(".text .bits").evaluate_all("nodes => nodes.map(node => Number(node.dataset.drop))")
        self.assertEqual(drops, sorted(drops))
        self.assertEqual(drops[-1], 3)
        self.assertIn("3 bits", turn.locator(".text .bits").last.get_attribute("title"))
        # One block of the plot for every precision, and the figures of an answer that fell.
        self.assertEqual(self.page.locator("#bits-plot .bits-area").count(), 4)
        average = float(self.page.locator("#figures dd").first.evaluate("node => node.firstChild.data"))
        self.assertTrue(3 < average < 6, average)
        self.assertRegex(self.page.locator("#figures").inner_text(), "−[0-9.]+% on 6 bits")
        self.assertIn("6 at the first token, 3 at token", self.page.locator("#bits-plot svg").get_attribute("aria-label"))

    def test_the_text_is_the_engines(self):
        self.falling()
        turn = self.ask(PROMPT)
        same = self.server.post("/v1/chat/completions", {
            "model": self.page.locator("#model").input_value(), "messages": [{"role": "user", "content": PROMPT}],
            "max_tokens": 32, "temperature": 0, "repeat_penalty": 1.05, "precision": {"switch": POINTS}})
        choice = same["choices"][0]
        self.assertEqual(turn.locator(".text").inner_text(), choice["message"]["content"])
        self.assertIn(f"{same['usage']['completion_tokens']} tokens", turn.locator(".turn-figures").inner_text())

    def test_a_conversation_is_told_to_the_model(self):
        self.falling(8)
        self.set(system="Be brief.")
        first = self.ask(PROMPT).locator(".text").inner_text()
        with self.page.expect_request("**/v1/chat/completions") as sent:
            self.ask("And then?")
        body = json.loads(sent.value.post_data)
        self.assertEqual([message["role"] for message in body["messages"]], ["system", "user", "assistant", "user"])
        self.assertEqual(body["messages"][2]["content"].strip(), first.strip())
        self.page.click("#new-chat")
        self.assertEqual(self.page.locator(".turn").count(), 0)
        with self.page.expect_request("**/v1/chat/completions") as sent:
            self.ask(PROMPT)
        self.assertEqual(len(json.loads(sent.value.post_data)["messages"]), 2)

    def test_settings_reach_the_server(self):
        self.visit()
        self.set(schedule="low", low=2, prefill=4, max_tokens=3, temperature=0.5, top_p=0.9, seed=7, repeat=1.25)
        with self.page.expect_request("**/v1/chat/completions") as sent:
            turn = self.ask(PROMPT)
        body = json.loads(sent.value.post_data)
        self.assertEqual(body["precision"], {"bits": 2, "prefill_bits": 4})
        self.assertEqual(
            [body[key] for key in ("max_tokens", "temperature", "top_p", "seed", "repeat_penalty")], [3, 0.5, 0.9, 7, 1.25])
        self.assertIn("cut at the limit", turn.locator(".turn-figures").inner_text())

    def test_schedules_of_the_bundle_run(self):
        self.visit()
        for schedule in ("static:answer", "learned"):
            self.set(schedule=schedule, max_tokens=24)
            turn = self.ask(PROMPT)
            turn.locator("summary").click()
            self.assertIn(schedule, turn.locator(".turn-details").inner_text())

    def test_switch_points_that_make_no_sense_are_not_sent(self):
        self.visit()
        self.set(schedule="switch")
        for points, words in [("6", "write bits@step"), ("6@4", "first point stands at step 0"), ("6@0,4@0", "steps rise"),
                              ("3@0,4@8", "bits fall"), ("7.5@0", "the bundle has no 7.5 bits")]:
            self.set(switch_points=points)
            self.assertIn(words, self.page.locator("#switch-error").inner_text())
            self.page.fill("#prompt", PROMPT)
            self.page.press("#prompt", "Enter")
            self.assertEqual(self.page.locator(".turn").count(), 0)

    def test_stop_and_again(self):
        self.falling()
        self.answer_never()
        self.page.fill("#prompt", PROMPT)
        self.page.press("#prompt", "Enter")
        self.page.locator("#stop").wait_for()
        self.page.keyboard.press("Escape")
        turn = self.page.locator(".turn")
        self.assertEqual(turn.locator(".turn-figures").inner_text(), "stopped")
        self.assertTrue(self.page.locator("#send").is_visible())
        self.page.unroute("**/v1/chat/completions")
        self.assertIn("32 tokens", self.ask(PROMPT).locator(".turn-figures").inner_text())
        self.page.locator(".turn").last.get_by_role("button", name="Again").click()
        self.page.locator(".turn").last.locator(".turn-figures").wait_for()
        self.assertEqual(self.page.locator(".turn").count(), 2)

    def test_an_answer_is_announced_once(self):
        self.falling(48)
        turn = self.ask(PROMPT)
        spoken = self.page.locator("#spoken p").all_inner_texts()
        self.assertEqual(" ".join(" ".join(spoken).split()), " ".join(turn.locator(".text").inner_text().split()))
        self.assertRegex(self.page.locator("#status").inner_text(), r"Answer complete, \d+ tokens, \d\.\d\d bits on average")


class FailureTests(PageTest):
    def setUp(self):
        super().setUp()
        self.expected = ["Failed to load resource"]

    def failure(self):
        return self.ask("Who?").locator(".failure")

    def test_a_busy_server_says_when_to_come_back(self):
        self.visit()
        self.answer_with(error("64 requests are waiting"), status=503, headers={"Retry-After": "2"})
        failure = self.failure()
        self.assertIn("The server is busy", failure.inner_text())
        self.assertIn("64 requests are waiting.", failure.inner_text())
        button = failure.get_by_role("button")
        self.assertTrue(button.is_disabled())
        self.page.unroute("**/v1/chat/completions")
        self.wait("!document.querySelector('.failure button').disabled")
        button.click()
        self.page.locator(".turn-figures").wait_for()
        self.assertEqual(self.page.locator(".turn").count(), 1)

    def test_what_the_server_refuses_is_told_in_its_words(self):
        self.visit()
        self.answer_with(error("messages: the prompt has 600 tokens; expected at most 512", "messages"), status=400)
        failure = self.failure()
        self.assertIn("Messages: the prompt has 600 tokens; expected at most 512.", failure.inner_text())
        failure.get_by_role("button", name="New chat").click()
        self.assertEqual(self.page.locator(".turn").count(), 0)

    def test_a_server_that_is_gone(self):
        self.visit()
        self.page.route("**/v1/chat/completions", lambda route: route.abort())
        self.assertIn("See whether taper serve still runs", self.failure().inner_text())

    def test_an_error_in_the_middle_keeps_what_came(self):
        self.visit()
        self.answer_with(piece("Half"), error("the request took longer than 600 seconds"))
        turn = self.ask("Who?")
        self.assertEqual(turn.locator(".text").inner_text(), "Half")
        self.assertIn("took longer", turn.locator(".failure").inner_text())
        self.assertIn("broke off", turn.locator(".turn-figures").inner_text())

    def test_an_end_without_its_mark_is_a_failure(self):
        self.visit()
        self.answer_with(piece("Half"), end=False)
        self.assertIn("ended before it was complete", self.failure().inner_text())

    def test_no_json_is_a_failure(self):
        self.visit()
        self.answer_with(piece("Half"), "{", end=False)
        self.assertIn("The connection broke", self.failure().inner_text())

    def test_an_empty_answer_is_said_to_be_one(self):
        self.visit()
        self.answer_with(last())
        self.assertEqual(self.ask("Who?").locator(".turn-figures").inner_text(), "an empty answer")


class KeyTests(PageTest):
    options = ("--api-key", "sesame-7f3a")

    def test_the_key_is_asked_for_and_kept_in_memory_only(self):
        self.expected = ["Failed to load resource"]
        self.page.goto(self.server.address)
        dialog = self.page.locator("#key-dialog")
        dialog.wait_for()
        self.wait_for_focus("key")
        self.page.keyboard.type("wrong")
        self.page.keyboard.press("Enter")
        self.page.get_by_text("The server does not know this key.").wait_for()
        self.page.keyboard.type("sesame-7f3a")
        self.page.keyboard.press("Enter")
        self.wait("document.querySelector('#schedule').options.length > 0")
        self.assertFalse(dialog.is_visible())
        self.set(max_tokens=4)
        self.assertIn("4 tokens", self.ask("Who?").locator(".turn-figures").inner_text())
        self.assertEqual(self.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]"), [0, 0, ""])
        self.assertNotIn("sesame", self.page.content() + self.page.url)

    def test_without_a_key_the_page_says_so(self):
        self.expected = ["Failed to load resource"]
        self.page.goto(self.server.address)
        self.page.locator("#key-dialog").wait_for()
        self.page.keyboard.press("Escape")
        self.assertIn("The server asks for its key", self.page.locator(".failure").inner_text())
        self.page.get_by_role("button", name="Try again").click()
        self.page.locator("#key-dialog").wait_for()


if __name__ == "__main__":
    unittest.main()
