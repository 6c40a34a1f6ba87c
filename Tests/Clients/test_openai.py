"""OpenAI's own Python client on every endpoint that it knows; the others by plain HTTP."""

import asyncio
import json
import math
import time
import unittest

import httpx2 as httpx
import openai

from server import KEY, Server

QUESTION = [{"role": "user", "content": "Who was Noah?"}]
QUESTIONS = ["Who was Noah?", "Who was Adam?", "Who was Eve?", "Who was Abraham?"]


def setUpModule():
    global server, client
    server = Server("-np", "4", "--queue", "64", "-c", "512", bundles=2)
    client = openai.OpenAI(base_url=server.address + "/v1", api_key=KEY, max_retries=0)


def tearDownModule():
    server.__exit__()


def chat(messages=QUESTION, **settings):
    settings.setdefault("temperature", 0)
    settings.setdefault("max_completion_tokens", 24)
    return client.chat.completions.create(model="tiny", messages=messages, **settings)


def http(method, path, **settings):
    headers = {"Authorization": "Bearer " + KEY} | settings.pop("headers", {})
    return httpx.request(method, server.address + path, headers=headers, **settings)


class Models(unittest.TestCase):
    def test_bundles_are_listed_and_found(self):
        self.assertEqual([model.id for model in client.models.list()], ["tiny", "other"])
        self.assertEqual(client.models.retrieve("other").id, "other")
        with self.assertRaises(openai.NotFoundError):
            client.models.retrieve("none")

    def test_both_bundles_answer(self):
        other = client.chat.completions.create(model="other", messages=QUESTION, temperature=0, max_tokens=24)
        self.assertEqual(other.model, "other")
        self.assertEqual(other.choices[0].message.content, chat().choices[0].message.content)


class Chat(unittest.TestCase):
    def test_an_answer_says_what_it_cost(self):
        answer = chat(extra_body={"precision": {"switch": "6@0,4@4,3@8", "prefill_bits": 4}})
        choice, usage = answer.choices[0], answer.usage
        self.assertEqual(choice.message.role, "assistant")
        bits = choice.model_extra["taper"]["bits"]
        self.assertEqual(len(bits), usage.completion_tokens)
        # The first token comes of the prompt.
        self.assertEqual(bits[:9], [4] + [6] * 4 + [4] * 4)
        taper = usage.model_extra["taper"]
        self.assertEqual((taper["schedule"], taper["prefill_bits"]), ("switch", 4))
        self.assertTrue(taper["switch_points"].startswith("6@0,4@4"))
        self.assertTrue(3 <= taper["average_bits"] <= 6 and taper["bytes_per_token"] > 0)
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)

    def test_a_stream_is_the_whole_answer_in_pieces(self):
        for temperature in (0, 1.2):
            settings = dict(temperature=temperature, seed=7, max_completion_tokens=40)
            whole = chat(**settings)
            text, bits, usage, reasons = "", [], None, []
            for chunk in chat(stream=True, stream_options={"include_usage": True}, **settings):
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    text += choice.delta.content or ""
                    reasons.append(choice.finish_reason)
                    taper = (choice.model_extra or {}).get("taper")
                    if taper and taper["token"] is not None:
                        bits.append(taper["bits"])
            self.assertEqual(text, whole.choices[0].message.content)
            self.assertEqual(bits, whole.choices[0].model_extra["taper"]["bits"])
            self.assertEqual([reason for reason in reasons if reason], [whole.choices[0].finish_reason])
            self.assertEqual(usage.completion_tokens, whole.usage.completion_tokens)

    def test_turns_and_system_messages(self):
        first = chat()
        messages = [{"role": "system", "content": "Be brief."}, *QUESTION]
        messages += [{"role": "assistant", "content": first.choices[0].message.content}]
        messages += [{"role": "user", "content": [{"type": "text", "text": "Who was Adam?"}]}]
        second = chat(messages)
        self.assertGreater(second.usage.prompt_tokens, first.usage.prompt_tokens)
        # All of it again is read from what is kept.
        third = chat(messages)
        self.assertEqual(third.choices[0].message.content, second.choices[0].message.content)
        self.assertGreater(third.usage.prompt_tokens_details.cached_tokens, 0)
        self.assertEqual(third.usage.prompt_tokens, second.usage.prompt_tokens)

    def test_n_answers_draw_by_seeds_of_their_own(self):
        answer = chat(temperature=1.3, n=3, seed=5, max_completion_tokens=12)
        self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2])
        texts = [choice.message.content for choice in answer.choices]
        self.assertEqual(len(set(texts)), 3)
        again = chat(temperature=1.3, n=3, seed=5, max_completion_tokens=12)
        self.assertEqual([choice.message.content for choice in again.choices], texts)
        alone = chat(temperature=1.3, seed=5, max_completion_tokens=12)
        self.assertEqual(alone.choices[0].message.content, texts[0])

    def test_stop_texts_end_it(self):
        whole = chat().choices[0].message.content
        stop = whole[len(whole) // 2:][:4]
        cut = chat(stop=[stop, "never written"]).choices[0]
        self.assertEqual(cut.message.content, whole[:whole.index(stop)])
        self.assertEqual(cut.finish_reason, "stop")
        self.assertEqual(chat(max_completion_tokens=2).choices[0].finish_reason, "length")

    def test_log_probabilities(self):
        answer = chat(logprobs=True, top_logprobs=4, temperature=0)
        content = answer.choices[0].logprobs.content
        self.assertEqual(len(content), answer.usage.completion_tokens)
        for token in content:
            self.assertLessEqual(token.logprob, 0)
            self.assertEqual(len(token.top_logprobs), 4)
            # Greedy.
            self.assertEqual(token.top_logprobs[0].logprob, token.logprob)
            self.assertLessEqual(sum(math.exp(one.logprob) for one in token.top_logprobs), 1 + 1e-9)
        streamed = []
        for chunk in chat(logprobs=True, top_logprobs=4, temperature=0, stream=True):
            for choice in chunk.choices:
                if choice.logprobs:
                    streamed += [token.logprob for token in choice.logprobs.content]
        self.assertEqual(streamed, [token.logprob for token in content])

    def test_json_mode_parses(self):
        ended = 0
        for seed in range(8):
            choice = chat(
                QUESTION, response_format={"type": "json_object"}, temperature=1.2, seed=seed,
                max_completion_tokens=150, logit_bias={str(token("}")): 4}).choices[0]
            if choice.finish_reason == "stop":
                self.assertIsInstance(json.loads(choice.message.content), dict)
                ended += 1
        self.assertGreater(ended, 0)

    def test_answers_at_once_are_what_each_is_alone(self):
        def settings(index):
            precision = [{"bits": 2}, {"bits": 6}, {"switch": "6@0,3@5"}, {"bits": 4, "prefill_bits": 3}][index % 4]
            return dict(
                model="tiny", temperature=index % 3 * 0.7, seed=index, max_completion_tokens=10 + index,
                messages=[{"role": "user", "content": QUESTIONS[index // 4 % 4]}], extra_body={"precision": precision})

        alone = [client.chat.completions.create(**settings(index)).choices[0].message.content for index in range(16)]

        async def together():
            async with openai.AsyncOpenAI(base_url=server.address + "/v1", api_key=KEY, max_retries=0) as many:
                return await asyncio.gather(*(many.chat.completions.create(**settings(index)) for index in range(16)))

        answers = asyncio.run(together())
        self.assertEqual([answer.choices[0].message.content for answer in answers], alone)


class Completions(unittest.TestCase):
    def complete(self, prompt, **settings):
        settings.setdefault("temperature", 0)
        return client.completions.create(model="tiny", prompt=prompt, max_tokens=8, **settings)

    def test_texts_tokens_and_several_of_them(self):
        text = "In the beginning God"
        whole = self.complete(text)
        self.assertEqual(whole.usage.completion_tokens, 8)
        tokens = http("POST", "/tokenize", json={"content": text, "add_special": True}).json()["tokens"]
        self.assertEqual(self.complete(tokens).choices[0].text, whole.choices[0].text)
        both = self.complete([text, "And Noah"], n=1)
        self.assertEqual(both.choices[0].text, whole.choices[0].text)
        self.assertEqual(both.choices[1].text, self.complete("And Noah").choices[0].text)
        streamed = "".join(choice.text for chunk in self.complete(text, stream=True) for choice in chunk.choices)
        self.assertEqual(streamed, whole.choices[0].text)

    def test_log_probabilities(self):
        answer = self.complete("In the beginning God", logprobs=3)
        found = answer.choices[0].logprobs
        self.assertEqual(len(found.tokens), answer.usage.completion_tokens)
        self.assertEqual("".join(found.tokens), answer.choices[0].text)
        self.assertTrue(all(probability <= 0 for probability in found.token_logprobs))
        self.assertTrue(all(len(top) <= 4 for top in found.top_logprobs))

    def test_biases_and_penalties(self):
        text = self.complete("In the beginning God").choices[0].text
        first = http("POST", "/tokenize", json={"content": text}).json()["tokens"][0]
        other = self.complete("In the beginning God", logit_bias={str(first): -100}).choices[0].text
        self.assertNotEqual(other, text)
        self.complete("In the", presence_penalty=1, frequency_penalty=1, seed=3, extra_body={"top_k": 5, "min_p": 0.1})


class Errors(unittest.TestCase):
    def test_they_name_the_member_at_fault(self):
        cases = [
            (dict(temperature=3), "temperature"), (dict(n=0), "n"), (dict(max_completion_tokens=-1), None),
            (dict(extra_body={"precision": {"bits": 7.25}}), "precision.bits"),
            (dict(extra_body={"nonsense": 1}), "nonsense"), (dict(top_logprobs=3), None),
            (dict(logit_bias={"999999": 1}), None), (dict(tools=[{"type": "function"}]), "tools"),
        ]
        for settings, parameter in cases:
            with self.subTest(settings), self.assertRaises(openai.BadRequestError) as caught:
                chat(**settings)
            self.assertTrue(caught.exception.body["message"])
            if parameter:
                self.assertEqual(caught.exception.param, parameter)
        image = [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/x.png"}}]
        with self.assertRaises(openai.BadRequestError):
            chat([{"role": "user", "content": image}])
        with self.assertRaises(openai.BadRequestError):
            chat([{"role": "user", "content": "long " * 4000}])

    def test_keys_models_and_types(self):
        with self.assertRaises(openai.AuthenticationError):
            openai.OpenAI(base_url=server.address + "/v1", api_key="wrong", max_retries=0).models.list()
        with self.assertRaises(openai.NotFoundError):
            client.chat.completions.create(model="none", messages=QUESTION)
        form = http("POST", "/v1/chat/completions", data={"a": "b"})
        self.assertEqual(form.status_code, 415)
        for text in ("", "{", "[1]", '{"messages": NaN}', '{"a": 1, "a": 2}', "[" * 100, '{"a": "\ud800"}'):
            answer = http(
                "POST", "/v1/chat/completions", content=text.encode("utf-8", "surrogatepass"),
                headers={"Content-Type": "application/json"})
            self.assertEqual((answer.status_code, list(answer.json())), (400, ["error"]), text)

    def test_a_full_queue_is_told_and_empties(self):
        # Either token ends an answer, and an answer that ends by itself makes room for another.
        biases = {str(token(end)): -100 for end in ("<|im_end|>", "<|endoftext|>")}
        settings = dict(model="tiny", messages=QUESTION, stream=True, logit_bias=biases)

        async def crowd(address):
            async with openai.AsyncOpenAI(base_url=address + "/v1", api_key=KEY, max_retries=0) as many:
                async def ask():
                    async for _ in await many.chat.completions.create(**settings):
                        pass

                tasks = [asyncio.create_task(ask()) for _ in range(8)]
                deadline = time.monotonic() + 30
                while sum(task.done() for task in tasks) < 6 and time.monotonic() < deadline:
                    await asyncio.sleep(0.05)
                # Nobody more: one answer is at work, one waits.
                await asyncio.sleep(0.3)
                refused = [task.exception() for task in tasks if task.done()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                return refused

        # A context that nobody fills so soon.
        with Server("-np", "1", "--queue", "1", "-c", "60000") as small:
            refused = asyncio.run(crowd(small.address))
            self.assertEqual(len(refused), 6, refused)
            for error in refused:
                self.assertEqual((error.status_code, error.code), (503, "queue_full"))
                self.assertGreater(int(error.response.headers["retry-after"]), 0)
            # The others are gone, and their places are free.
            again = openai.OpenAI(base_url=small.address + "/v1", api_key=KEY, max_retries=0)
            deadline = time.monotonic() + 10
            while True:
                try:
                    again.chat.completions.create(model="tiny", messages=QUESTION, max_tokens=2)
                    break
                except openai.InternalServerError:
                    self.assertLess(time.monotonic(), deadline, "cancelled answers keep their places")
                    time.sleep(0.05)


class Others(unittest.TestCase):
    def test_text_comes_back_from_its_tokens(self):
        text = "Noah — 42 €, 😀\n\t<|im_end|>"
        tokens = http("POST", "/tokenize", json={"content": text, "parse_special": False}).json()["tokens"]
        self.assertEqual(http("POST", "/detokenize", json={"tokens": tokens}).json()["content"], text)

    def test_state(self):
        self.assertEqual(http("GET", "/health").json()["status"], "ok")
        facts = http("GET", "/props?model=tiny").json()
        self.assertTrue(facts)
        chat()
        metrics = http("GET", "/metrics").text
        self.assertIn("# TYPE", metrics)
        for line in metrics.splitlines():
            if line and not line.startswith("#"):
                self.assertTrue(math.isfinite(float(line.rsplit(" ", 1)[1])), line)
        page = http("GET", "/", headers={"Authorization": ""})
        self.assertEqual(page.headers["x-content-type-options"], "nosniff")

    def test_a_signal_ends_streams_within_five_seconds(self):
        with Server("-c", "60000") as other:
            many = openai.OpenAI(base_url=other.address + "/v1", api_key=KEY, max_retries=0)
            stream = many.chat.completions.create(
                model="tiny", messages=QUESTION, stream=True, logit_bias={str(token("<|im_end|>")): -100})
            next(iter(stream))
            self.assertLess(other.stop(), 5)
            # What is left of the stream ends: with an error's event, or as an answer.
            try:
                for _ in stream:
                    pass
            except (openai.APIError, httpx.HTTPError):
                pass


def token(text):
    return http("POST", "/tokenize", json={"content": text}).json()["tokens"][0]


if __name__ == "__main__":
    unittest.main()
