"""Aligning manual pages by their structure."""

import gzip
import importlib.util
import pathlib
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parent.parent / "prepare-manpages.py"
spec = importlib.util.spec_from_file_location("prepare_manpages", SCRIPT)
manpages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(manpages)

ENGLISH = r"""'\" t
.\" A comment
.TH fork 2 2023-02-05 "Linux"
.SH NAME
fork \- create a child process
.SH DESCRIPTION
The child process and the parent process run in
.IR "separate memory spaces" ,
and at the time of
.BR fork ()
both have the same content.
.PP
The child does not inherit the 2 memory locks of its parent
.RB ( mlock (2),
.BR mlockall (2)).
.TP
.B EAGAIN
A system\-imposed limit on the number of threads was encountered by the \fBcaller\fP.
.IP
.EX
for (;;) fork();
.EE
.SH NOTES
Under Linux, the call is implemented using pages that are copied on a write to them.
.SH BUGS
There are many of them in the world, and this is the first one of all.
"""
FRENCH = r""".TH fork 2 "5 février 2023" "Linux"
.SH NOM
fork – Créer un processus enfant
.SH DESCRIPTION
L'enfant et le parent s'exécutent dans des \fIespaces mémoire distincts\fP et, au moment
du \fBfork\fP(), les deux ont le même contenu.
.PP
L'enfant n'hérite pas des 2 verrouillages de mémoire de son parent (\fBmlock\fP(2), \fBmlockall\fP(2)).
.TP
\fBEAGAIN\fP
Une limite imposée par le système au nombre de fils a été rencontrée par l'«\ appelant\ ».
.IP
.EX
for (;;) fork();
.EE
.SH NOTES
Sous Linux, cet appel est mis en œuvre avec des pages copiées lors d'une écriture dans 3 cas.
.SH BOGUES
Il y en a beaucoup dans le monde.
.PP
Et celui-ci est le premier de tous, dans un paragraphe à lui seul.
.SH TRADUCTION
La traduction est de quelqu'un.
"""


class AlignmentTests(unittest.TestCase):
    def pairs(self, french=FRENCH, english=ENGLISH):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, text in (("fr.gz", french), ("en.gz", english)):
                paths.append(pathlib.Path(folder) / name)
                paths[-1].write_bytes(gzip.compress(text.encode()))
            return list(manpages.pairs(*paths))

    def test_paragraphs_of_equal_structure_are_paired_without_roff(self):
        found = self.pairs()
        self.assertEqual(
            found, [
                ("DESCRIPTION",
                 "L'enfant et le parent s'exécutent dans des espaces mémoire distincts et, au moment du fork(), les deux ont le même "
                 "contenu.",
                 "The child process and the parent process run in separate memory spaces, and at the time of fork() both have the "
                 "same content."),
                ("DESCRIPTION",
                 "L'enfant n'hérite pas des 2 verrouillages de mémoire de son parent (mlock(2), mlockall(2)).",
                 "The child does not inherit the 2 memory locks of its parent (mlock(2), mlockall(2))."),
                ("DESCRIPTION",
                 "Une limite imposée par le système au nombre de fils a été rencontrée par l'« appelant ».",
                 "A system-imposed limit on the number of threads was encountered by the caller."),
            ])

    def test_sections_that_differ_are_left_out_whole(self):
        # A paragraph more in one language shifts all that follow it.
        self.assertEqual(self.pairs(FRENCH.replace(".TP\n", ".PP\nUn de plus.\n.TP\n")), [])
        self.assertEqual(self.pairs(FRENCH.replace(".SH NOTES\n", ".SH AUTRES\nRien.\n.SH NOTES\n")), [])

    def test_numbers_must_agree(self):
        found = self.pairs(FRENCH.replace("dans 3 cas", "dans une page"))
        self.assertIn("NOTES", [section for section, _, _ in found])
        self.assertNotIn("NOTES", [section for section, _, _ in self.pairs()])

    def test_what_is_not_translated_is_left_out(self):
        self.assertEqual(self.pairs(ENGLISH), [])

    def test_escapes(self):
        for roff, text in [
            (r"\fBa\fP\-b\ c\&.", "a-b c."), (r"\(lqx\(rq \[bu] \s-1A\s+1", "“x” • A"), (r"c\(aqest \e0", "c'est \\0"),
            (r"a \" said to nobody", "a"), ("a\u00a0: b", "a : b"),
        ]:
            self.assertEqual(manpages.plain(roff), text)
        for roff in [r"\n(xx", r"\h'1'", r"\(zz", "end\\"]:
            with self.assertRaises(manpages.NoProse):
                manpages.plain(roff)


if __name__ == "__main__":
    unittest.main()
