"""The drawing of small multiples."""

from xml.etree import ElementTree

from bench.plot import Panel, small_multiples

SVG = "{http://www.w3.org/2000/svg}"


def test_it_is_a_picture_with_a_dot_for_each_point() -> None:
    panels = [
        Panel("a < b", "µs", ((1000.0, 1.0), (100_000.0, 30.0)), ((1000.0, 0.5), (100_000.0, 9.0))),
        Panel("steep", "µs", ((1000.0, 1.0), (10_000.0, 200.0), (100_000.0, 30_000.0)), steep=True),
    ]
    root = ElementTree.fromstring(small_multiples("Growth & more", "messages", panels))
    groups = root.findall(f"{SVG}g")
    assert [group.get("class") for group in groups] == ["flat", "steep"]
    assert [len(group.findall(f"{SVG}circle")) for group in groups] == [2, 3]
    assert "a < b" in [text.text for text in groups[0].findall(f"{SVG}text")]


def test_higher_costs_are_higher_up_and_everything_is_within_the_picture() -> None:
    panels = [Panel(str(at), "µs", ((1.0, 0.02), (1000.0, 5.0), (1_000_000.0, 900.0))) for at in range(5)]
    root = ElementTree.fromstring(small_multiples("t", "messages", panels))
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    for group in root.findall(f"{SVG}g"):
        dots = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in group.findall(f"{SVG}circle")]
        assert dots == sorted(dots)
        assert [down for _, down in dots] == sorted((down for _, down in dots), reverse=True)
        assert all(0 < right < width and 0 < down < height for right, down in dots)


def test_equal_values_do_not_fill_the_whole_height() -> None:
    text = small_multiples("t", "messages", [Panel("flat", "µs", ((10.0, 5.0), (100.0, 5.0)))])
    assert ElementTree.fromstring(text) is not None
