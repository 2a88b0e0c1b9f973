"""Which images of a published data set are wanted: the same ones whoever asks, in every copy."""

from crossgen.config import Members
from crossgen.data.wanted import wanted


def rows_of(folder="ADM", count=200):
    return [
        {
            "path": f"{folder}/{'train' if number % 4 else 'val'}/ai/{number % 5:03d}_adm_{number}.PNG",
            "split": "train" if number % 4 else "test",
            "folder": "ADM",
            "class_index": number % 5,
        }
        for number in range(count)
    ]


def chosen(rows=None, **members):
    return [row["path"] for row in wanted(rows_of() if rows is None else rows, Members(**members), "fake")]


def test_the_sample_is_seeded_and_larger_ones_hold_it():
    some = chosen(fraction=0.2)
    assert 20 < len(some) < 65 and some == chosen(rows_of()[::-1], fraction=0.2)[::-1]
    assert some != chosen(fraction=0.2, seed=1)
    assert [path for path in chosen(fraction=0.4) if path in some] == some


def test_the_sample_of_another_copy_is_the_same():
    inner = chosen(rows_of("ADM/imagenet_ai_0508_adm"), fraction=0.2)
    assert [path.replace("imagenet_ai_0508_adm/", "") for path in inner] == chosen(fraction=0.2)


def test_so_many_of_each_class_and_split():
    found = chosen(per_class=3)
    assert len(found) == 2 * 5 * 3 and found != chosen(per_class=3, seed=1)
    assert {tuple(path.split("/")[1:2]) for path in chosen(splits=("test",))} == {("val",)}
    assert len(chosen(per_class=1000)) == 200
