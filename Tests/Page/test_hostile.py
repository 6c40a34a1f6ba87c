"""Nothing that a model or a bundle says becomes more than text."""

import json
import unittest

from serving import PageTest, error, last, piece

MARKUP = ('<script>window.broken = 1</script><img src=x onerror="window.broken = 1"><svg onload="window.broken = 1">'
          '[click](javascript:window.broken=1) <a href="javascript:window.broken=1">x</a> </p></article><h1>Owned</h1>'
          '<style>*{display:none}</style> {{constructor.constructor("window.broken=1")()}} &lt;b&gt; \u202egnp.exe\u0007\u0000')


class HostileTests(PageTest):
    def check_unbroken(self, place):
        self.assertIsNone(self.page.evaluate("window.broken ?? null"))
        tags = place.evaluate("node => [...new Set([...node.querySelectorAll('*')].map(one => one.localName))]")
        self.assertLessEqual(set(tags), {"span", "mark"})

    def test_markup_of_an_answer_stays_text(self):
        self.visit()
        # Cut so that no chunk holds a whole tag.
        self.answer_with(*[piece(MARKUP[at:at + 7], 6 - at % 3, at) for at in range(0, len(MARKUP), 7)], last())
        text = self.ask(MARKUP).locator(".text")
        self.assertEqual(text.evaluate("node => node.textContent"), MARKUP)
        self.check_unbroken(text)
        self.assertEqual(self.page.locator(".asked p").evaluate("node => node.textContent"), MARKUP.strip())
        self.assertEqual(self.page.locator(".asked p *").count(), 0)
        self.check_unbroken(self.page.locator("#spoken p").first)

    def test_markup_of_an_answer_stays_text_side_by_side(self):
        self.visit("#compare")
        self.answer_with(piece(MARKUP), last())
        self.page.fill("#compare-prompt", MARKUP)
        self.page.press("#compare-prompt", "Enter")
        self.page.locator("#compare-run:not([hidden])").wait_for()
        for column in self.page.locator(".column .text").all():
            self.assertEqual(column.evaluate("node => node.textContent"), MARKUP)
            self.check_unbroken(column)

    def test_markup_of_an_error_stays_text(self):
        self.expected = ["Failed to load resource"]
        self.visit()
        self.answer_with(error(MARKUP), status=400)
        failure = self.ask("Who?").locator(".failure")
        self.assertIn("<script>window.broken", failure.inner_text())
        self.check_unbroken(failure.locator("p"))

    def test_markup_of_a_bundle_stays_text(self):
        name = "<img src=x onerror=window.broken=1>"
        props = self.server.get("/props")
        schedule = dict(props["schedules"][0], task=name, metric=name)
        props.update(id=name, family=name, schedules=[schedule], quality_text=name, instruction_set=name)
        props["default"]["schedule"] = "static:" + name
        self.page.route("**/props*", lambda route: route.fulfill(json=props))
        self.page.route("**/v1/models", lambda route: route.fulfill(json={"data": [{"id": name}]}))
        self.visit("#bundle")
        self.assertEqual(self.page.locator("#bundle-title").inner_text(), name)
        self.assertEqual(self.page.locator("#bundle img, #aside img, header img").count(), 0)
        self.assertIsNone(self.page.evaluate("window.broken ?? null"))

    def test_a_long_answer_without_a_space_does_not_break_the_page(self):
        self.visit()
        self.answer_with(*[piece("w" * 1000, 6 - at % 4, at) for at in range(200)], last())
        self.ask("Who?")
        self.assertEqual(self.page.evaluate("document.documentElement.scrollWidth"), self.viewport["width"])

    def test_the_browser_would_stop_what_got_through(self):
        """The second wall: should text become markup or script somewhere, nothing of it runs."""
        self.visit()
        self.expected = ["Content Security Policy", "violates", "TrustedHTML", "blocked"]
        self.assertTrue(self.page.evaluate("""() => {
            try { document.body.innerHTML = '<b>'; return false; } catch (error) { return error instanceof TypeError; }
        }"""))
        self.page.evaluate("""() => {
            const script = document.createElement('script');
            try { script.textContent = 'window.broken = 1'; document.body.append(script); } catch {}
            const button = document.createElement('button');
            try { button.setAttribute('onclick', 'window.broken = 1'); document.body.append(button); button.click(); } catch {}
        }""")
        self.assertIsNone(self.page.evaluate("window.broken ?? null"))
        blocked = self.page.evaluate("() => fetch('http://127.0.0.1:9/').then(() => false, () => true)")
        self.assertTrue(blocked)

    def check_address(self, address, faults):
        if not address.startswith("http://127.0.0.1:9/"):
            super().check_address(address, faults)

    def test_files_are_served_with_their_policy(self):
        for path in ["/", "/page/app.js", "/page/style.css"]:
            response = self.context.request.get(self.server.address + path)
            headers = response.headers
            self.assertEqual(response.status, 200)
            self.assertIn("default-src 'none'", headers["content-security-policy"])
            self.assertNotIn("unsafe", headers["content-security-policy"])
            self.assertEqual(headers["x-content-type-options"], "nosniff")
            again = self.context.request.get(self.server.address + path, headers={"If-None-Match": headers["etag"]})
            self.assertEqual((again.status, again.body()), (304, b""))
        for path in ["/page/nothing.js", "/page/../README.md", "/page/%2e%2e%2fREADME.md", "/page/"]:
            self.assertIn(self.context.request.get(self.server.address + path).status, (400, 404), path)


if __name__ == "__main__":
    unittest.main()
