"""The one error of this reader: a file that breaks a rule of the specification."""


class Refused(Exception):
    """Says which section (or part of the file) breaks which rule, with what was expected and found."""

    def __init__(self, place, rule):
        super().__init__(f"{place}: {rule}")


def demand(holds, place, rule):
    """Refuses the file unless the rule holds."""
    if not holds:
        raise Refused(place, rule)
