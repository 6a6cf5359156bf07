"""What of a check's short lists is left out by a few examples."""

from hypothesis import strategies as st

from pytest_isolation.guarantees import lists


def test_which_are_short() -> None:
    given = {
        "how": st.sampled_from(["a", "b"]), "child": st.booleans(), "number": st.integers(0, 3), "text": st.text(),
        "mapped": st.sampled_from(["a", "b"]).map(str.upper), "long": st.sampled_from(range(lists.SHORT + 1)),
    }  # fmt: skip
    assert lists.lists(given) == {"how": ("a", "b"), "child": (False, True)}


def test_all_inputs_where_they_are_few() -> None:
    few = {"how": st.sampled_from("abc"), "child": st.booleans()}
    assert lists.number(few, 3) == 7
    assert lists.number(few, 100) == 100
    assert lists.number(few | {"text": st.text()}, 3) == 3


def test_every_pair_of_few_and_each_list_of_many() -> None:
    seen = [{"how": "a", "child": True, "text": "x"}]
    few = {"how": ("a", "b"), "child": (False, True)}
    assert lists.left_out(few, seen) == [
        {"how": "a", "child": False}, {"how": "b", "child": False}, {"how": "b", "child": True},
    ]  # fmt: skip
    assert lists.left_out({"how": ("a",), "child": (True,)}, seen) == []
    many = {"how": tuple("abcdefghijk"), "place": (1, 2, 3)}
    left = lists.left_out(many, [{"how": "a", "place": 1}])
    assert len(left) == 10
    assert {row["how"] for row in left} == set("bcdefghijk")
    assert {row["place"] for row in left} >= {2, 3}
