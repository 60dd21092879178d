"""Taking part of an answer back takes exactly that part."""

from hypothesis import given
from hypothesis import strategies as st

from consent.choices import without
from consent.model import ConsentItem
from tests.unit.consent.values import item

some = st.frozensets(st.sampled_from("abc"), min_size=1)
lists = st.lists(st.builds(item, st.sampled_from(("guidance", "integration")), some, some), max_size=3)


def cells(items: list[ConsentItem] | tuple[ConsentItem, ...]) -> list[tuple[str, str, str]]:
    return [(each.purpose, category, recipient) for each in items for category in each.categories for recipient in each.recipients]


@given(lists, lists)
def test_what_is_left_is_the_difference(items, answered):
    """What is left are the cells of before that the answer doesn't speak of, none lost, none doubled."""
    assert sorted(set(cells(items)) - set(cells(answered))) == sorted(set(cells(without(items, answered))))
    assert sorted(cell for cell in cells(items) if cell not in cells(answered)) == sorted(cells(without(items, answered)))
