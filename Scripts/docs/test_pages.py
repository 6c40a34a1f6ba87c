"""Every page of the project: links that lead somewhere, a README that can be read in three minutes."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README_LINES = 120


def pages():
    found = [*ROOT.glob("*.md")]
    for folder in ("docs", "formats", "pipelines", "samples", "Benchmarks", "Examples", "Tests"):
        found += (ROOT / folder).rglob("*.md")
    # Packages that a build fetched are not ours.
    return sorted(page for page in found if not any(part.startswith(".") for part in page.relative_to(ROOT).parts))


def prose(text):
    """The page without code, in which brackets mean other things."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(text):
    """Names of headings as GitHub makes them."""
    names = set()
    for heading in re.findall(r"^#{1,6} (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        while name in names:
            name += "-1"
        names.add(name)
    return names


class PageTests(unittest.TestCase):
    def test_links_lead_somewhere(self):
        broken = []
        for page in pages():
            text = page.read_text(encoding="utf-8")
            for link in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
                if re.match(r"[a-z]+:", link):
                    continue
                path, _, anchor = link.partition("#")
                target = page.parent / path if path else page
                if not target.exists():
                    broken.append(f"{page.relative_to(ROOT)}: {link}")
                elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
                    broken.append(f"{page.relative_to(ROOT)}: {link}: no such heading")
        self.assertEqual(broken, [])

    def test_the_readme_is_short(self):
        lines = (ROOT / "README.md").read_text(encoding="utf-8").count("\n")
        self.assertLessEqual(lines, README_LINES)

    def test_exit_codes_and_instruction_sets_are_the_programs(self):
        page = (ROOT / "docs" / "commands" / "README.md").read_text(encoding="utf-8")
        runner = ROOT / "Sources" / "Runner"
        source = (runner / "Storage" / "TaperError.swift").read_text(encoding="utf-8")
        codes = set(re.findall(r"^        case \.[a-zA-Z., ]+: (\d+)$", source, re.M))
        self.assertEqual(set(re.findall(r"^\| (\d+)(?:, \d+)* \|", page, re.M)), codes | {"0"})
        source = (runner / "Kernels" / "InstructionSet.swift").read_text(encoding="utf-8")
        row = re.search(r"^\| `TAPER_ISA` \|(.*)$", page, re.M).group(1)
        self.assertEqual(set(re.findall(r"`([a-z0-9-]+)`", row)), set(re.findall(r"case \.\w+: \"([a-z0-9-]+)\"", source)))


if __name__ == "__main__":
    unittest.main()
