"""Promises of ``course_lib.data`` about everything that needs no network."""

import hashlib
import re
import runpy
import socket
import subprocess
import sys
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from course_lib import _files, data
from course_lib.data import _makers

POINTS = ("moons", "spirals", "xor", "rings", "gaussians")
SEEDED = ("digits", "glyphs", *POINTS, "dates", "numbers")
EMBEDDED = (*SEEDED, "photos", "help-text")
SMALL = {"glyphs": {"n": 300}, "dates": {"n": 200}, "numbers": {"n": 200}}


def small(name, **options):
    return data.load(name, **SMALL.get(name, {}), **options)


def parts(dataset):
    return dataset.train, dataset.valid, dataset.test


def as_bytes(dataset):
    if isinstance(dataset.train, str):
        return [part.encode() for part in parts(dataset)]
    return [array.tobytes() for part in parts(dataset) for array in part]


def everything(dataset):
    """The X and y of all three parts together."""
    return tuple(np.concatenate(arrays) for arrays in zip(*parts(dataset), strict=True))


# All sets


def test_every_data_set_has_a_card_and_a_line_in_the_list():
    listed = data.names()
    assert [line.name for line in listed] == list(_makers.MAKERS)
    assert {line.name for line in listed if line.network} == {"mnist", "fashion-mnist", "shakespeare"}
    for line in listed:
        assert 20 < len(line.description) < 130 and line.description.endswith("."), line


@pytest.mark.parametrize("name", EMBEDDED)
def test_a_data_set_carries_its_card_from_the_readme(name):
    card = small(name).card
    assert card.startswith(f"## {name}\n")
    for field in ("Origin", "License", "Size", "SHA-256", "Cite", "Limits"):
        assert re.search(rf"^- \*\*{field}:\*\* \S", card, re.MULTILINE), field
    assert card.strip() in _files.path("data/README.md").read_text(encoding="utf-8")


def test_importing_data_loads_nothing_heavy():
    heavy = ["sklearn", "babel", "num2words", "pooch", "requests", "tqdm", "torch", "matplotlib", "scipy"]
    code = f"import sys, course_lib.data; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_sets_need_no_network(name, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert small(name).name == name
    assert data.cached(name)


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_same_seed_gives_the_same_bytes(name):
    assert as_bytes(small(name, seed=3)) == as_bytes(small(name, seed=3))


@pytest.mark.parametrize("name", SEEDED)
def test_another_seed_gives_other_data(name):
    first, second = as_bytes(small(name, seed=0)), as_bytes(small(name, seed=1))
    assert all(a != b for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["digits", "glyphs", "photos"])
def test_images_are_float32_from_0_to_1_with_a_channel_axis(name):
    dataset = small(name)
    for X, y in parts(dataset):
        assert X.ndim == 4 and X.shape[0] == len(y)
        assert X.dtype == np.float32 and y.dtype == np.int64
    X, y = everything(dataset)
    assert X.min() >= 0 and X.max() <= 1 and X.max() > 0.9
    assert set(y) == set(range(len(dataset.classes)))


def test_a_data_set_shows_its_sizes():
    assert repr(small("xor")) == (
        "Dataset 'xor': 600 / 200 / 200 examples of shape (2,) (train / valid / test); 2 classes"
    )
    assert re.fullmatch(
        r"Dataset 'help-text': [\d,]+ / [\d,]+ / [\d,]+ characters .*", repr(small("help-text"))
    )


def test_changing_loaded_data_does_not_change_the_next_load():
    first = small("digits")
    first.train.X[:] = 0
    assert small("digits").train.X.max() == 1


# digits


def test_digits_are_scikit_learns_divided_by_16():
    from sklearn.datasets import load_digits

    source = load_digits()
    X, y = everything(data.load("digits", seed=5))
    ours = Counter((x.tobytes(), label) for x, label in zip(X, y, strict=True))
    theirs = (source.images / 16).astype(np.float32)
    assert ours == Counter((x.tobytes(), label) for x, label in zip(theirs, source.target, strict=True))
    assert hashlib.sha256(source.data.astype(np.uint8).tobytes()).hexdigest() in data.load("digits").card


def test_digits_keep_a_quarter_for_testing():
    assert [len(part.y) for part in parts(data.load("digits"))] == [1078, 270, 449]


def test_digits_by_writers_test_on_the_last_297_whatever_the_seed():
    from sklearn.datasets import load_digits

    source = load_digits()
    first, second = (data.load("digits", split="writers", seed=seed) for seed in (0, 1))
    for dataset in (first, second):
        assert [len(part.y) for part in parts(dataset)] == [1200, 300, 297]
        np.testing.assert_array_equal(dataset.test.X[:, 0] * 16, source.images[1500:])
        np.testing.assert_array_equal(dataset.test.y, source.target[1500:])
    assert first.train.X.tobytes() != second.train.X.tobytes()


# glyphs


@pytest.fixture(scope="module")
def masters():
    with np.load(_files.path("data/glyphs.npz")) as file:
        return {key: file[key] for key in file}


def test_glyph_masters_are_whole_characters_of_21_fonts(masters):
    images = masters["masters"]
    assert images.shape == (21, 36, 56, 56) and images.dtype == np.uint8
    assert "".join(masters["characters"]) == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    frame = np.ones((56, 56), bool)
    frame[1:-1, 1:-1] = False
    assert images[:, :, frame].max() == 0, "a character is cut off"
    assert images.max(axis=(2, 3)).min() > 200, "a character is missing"
    assert len({image.tobytes() for image in images.reshape(-1, 56, 56)}) == 21 * 36, "two fonts are one"


@pytest.mark.parametrize(
    ("font", "character"), [("DejaVuSans", "A"), ("STIXGeneralItalic", "7"), ("cmtt10", "Q")]
)
def test_the_script_renders_the_committed_masters(font, character, masters):
    script = runpy.run_path(str(_files.path("data/make_glyphs.py")))
    row = masters["fonts"].tolist().index(font)
    again = script["render"](font, character).astype(float)
    distances = np.abs(masters["masters"][row] - again).mean(axis=(1, 2))
    column = masters["characters"].tolist().index(character)
    # Versions of matplotlib and Pillow hint differently: a stroke may move by a pixel, no further.
    assert distances.argmin() == column and distances[column] < 8


def test_the_glyphs_file_is_the_one_on_the_card():
    digest = hashlib.sha256(_files.path("data/glyphs.npz").read_bytes()).hexdigest()
    assert digest in small("glyphs").card


def test_glyphs_of_the_test_come_from_a_family_that_training_never_shows(masters, monkeypatch):
    monkeypatch.setattr(_makers, "_distort", lambda chosen, rng: chosen)
    known = {
        image.tobytes(): (family, label)
        for family, font in zip(masters["families"], masters["masters"].astype(np.float32) / 255, strict=True)
        for label, image in enumerate(font)
    }
    dataset = data.load("glyphs", n=6000)
    families = []
    for X, y in parts(dataset):
        origin = [known[x.tobytes()] for x in X]
        assert [label for _, label in origin] == y.tolist()
        families.append({family for family, _ in origin})
    assert families[2] == {"DejaVu Serif"}
    assert families[0] == families[1] == set(masters["families"]) - families[2]
    assert dataset.classes == tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@pytest.mark.parametrize("n", [100, 1003, 2500])
def test_glyphs_count_all_parts_together(n):
    sizes = [part.X.shape for part in parts(data.load("glyphs", n=n))]
    assert sum(shape[0] for shape in sizes) == n
    assert abs(sizes[0][0] - 0.6 * n) <= 1 and abs(sizes[1][0] - 0.2 * n) <= 1
    assert {shape[1:] for shape in sizes} == {(1, 28, 28)}


def test_no_two_glyphs_are_alike():
    X, _ = everything(data.load("glyphs", n=3000))
    assert len({x.tobytes() for x in X}) == 3000


def test_glyphs_can_be_learned_but_not_by_a_line_of_pixels():
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    dataset = data.load("glyphs", n=5000)
    (X, y), (V, v) = ((part.X.reshape(len(part.X), -1), part.y) for part in (dataset.train, dataset.test))
    assert SVC(gamma="scale").fit(X, y).score(V, v) > 0.75
    assert LogisticRegression(max_iter=300, tol=1e-2).fit(X, y).score(V, v) < 0.75


# photos


def test_photos_are_the_two_of_scikit_learn_with_their_photographers():
    from sklearn.datasets import load_sample_images

    dataset = data.load("photos")
    assert dataset.classes == ("china", "flower") and dataset.train.y.tolist() == [0, 1]
    for ours, theirs in zip(dataset.train.X, load_sample_images().images, strict=True):
        np.testing.assert_allclose(ours.transpose(1, 2, 0) * 255, theirs, atol=1e-4)
    for part in (dataset.valid, dataset.test):
        assert part.X.shape == (0, 3, 427, 640) and part.y.shape == (0,)
    assert "danielbuechele" in dataset.card and "vultilion" in dataset.card


def test_photos_are_the_files_on_the_card():
    import sklearn.datasets

    for name in ("china.jpg", "flower.jpg"):
        content = (Path(sklearn.datasets.__file__).parent / "images" / name).read_bytes()
        assert f"`{name}`: `{hashlib.sha256(content).hexdigest()}`" in data.load("photos").card


# Points


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("n", [1000, 37])
def test_points_are_split_60_20_20_with_equal_classes(name, n):
    dataset = data.load(name, n=n)
    for part, share in zip(parts(dataset), (0.6, 0.2, 0.2), strict=True):
        assert part.X.shape == (len(part.y), 2) and abs(len(part.y) - share * n) <= 1
        assert part.X.dtype == np.float32 and part.y.dtype == np.int64
    _, y = everything(dataset)
    counts = np.bincount(y, minlength=len(dataset.classes))
    assert len(y) == n and np.ptp(counts) <= 2


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("moons", 0.80, 0.91), ("spirals", 0.58, 0.70), ("rings", 0.40, 0.60), ("xor", 0.40, 0.76)],
)
def test_a_line_does_badly_and_a_curve_does_well(name, low, high):
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    lines, curves = [], []
    for seed in range(5):
        dataset = data.load(name, seed=seed)
        lines.append(LogisticRegression().fit(*dataset.train).score(*dataset.test))
        curves.append(SVC(gamma=10, C=10).fit(*dataset.train).score(*dataset.test))
    assert low < np.mean(lines) < high
    assert np.mean(curves) > 0.94


def test_without_noise_rings_have_radius_1_and_2():
    X, y = everything(data.load("rings", noise=0))
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1 + y, rtol=1e-5)


def test_without_noise_gaussians_are_eight_points_labelled_by_angle():
    X, y = everything(data.load("gaussians", noise=0))
    angle = np.pi / 4 * y
    np.testing.assert_allclose(X, 2 * np.column_stack([np.cos(angle), np.sin(angle)]), atol=1e-5)
    assert data.load("gaussians").classes == tuple(f"{45 * k}°" for k in range(8))


def test_without_noise_xor_is_whether_the_signs_differ():
    X, y = everything(data.load("xor", noise=0))
    np.testing.assert_array_equal(y, X[:, 0] * X[:, 1] < 0)
    assert len(np.unique(X, axis=0)) == 4


def test_without_noise_moons_are_half_circles():
    X, y = everything(data.load("moons", noise=0))
    center = np.where(y[:, None] == 0, [0, 0], [1, 0.5])
    np.testing.assert_allclose(np.linalg.norm(X - center, axis=1), 1, rtol=1e-5)
    assert np.all((X - center)[y == 0, 1] >= 0) and np.all((X - center)[y == 1, 1] <= 1e-6)


def test_without_noise_one_spiral_is_the_other_turned_half_way():
    X, y = everything(data.load("spirals", noise=0))
    radius = np.linalg.norm(X, axis=1)
    turned = np.arctan2(X[:, 1], X[:, 0]) - 2 * np.pi * radius - np.pi * y
    np.testing.assert_allclose(np.cos(turned), 1, atol=1e-4)
    assert radius.min() >= 0.29 and radius.max() <= 2.001


def test_noise_is_the_standard_deviation_of_the_scatter():
    X, y = everything(data.load("gaussians", n=20_000, noise=0.25))
    exact, _ = everything(data.load("gaussians", n=20_000, noise=0))
    assert np.std(X - exact, axis=0) == pytest.approx([0.25, 0.25], rel=0.03)
    assert y.size == 20_000


# dates


def test_english_dates_mean_their_iso_dates():
    dataset = data.load("dates", n=5000)
    forms = Counter()
    for phrase, iso in zip(*everything(dataset), strict=True):
        for form in ("%A, %B %d, %Y", "%B %d, %Y", "%b %d, %Y"):
            try:
                parsed = datetime.strptime(phrase, form)
            except ValueError:
                continue
            assert parsed.date() == date.fromisoformat(iso)
            forms[form] += 1
            break
        else:
            pytest.fail(f"{phrase!r} has no form we know")
    assert min(forms.values()) > 1000 and len(forms) == 3


def test_a_day_is_in_one_part_only():
    dataset = data.load("dates", source="mixed", n=36_525)
    days = [set(part.y) for part in parts(dataset)]
    assert [len(day) for day in days] == [29_220, 3652, 3653]
    assert len(set.union(*days)) == 36_525
    assert not set(dataset.train.X) & set(dataset.test.X)


def test_mixed_phrases_in_all_languages_name_one_day_each():
    X, y = everything(data.load("dates", source="mixed", n=36_525))
    assert len(set(X)) == len(set(y)) == 36_525
    for word in ("March", "März", "mars", "marzo", "março", "марта", "Mart", "مارس", "मार्च", "年", "년"):
        assert any(word in phrase for phrase in X), word
    for phrase in X:
        assert re.search(r"\d{4}", phrase), phrase
        assert not re.search("[\u200e\u200f\u00a0\u202f]|  ", phrase), phrase
        assert not re.fullmatch(r"\d{4}-\d\d-\d\d", phrase)


def test_dates_translate_between_languages():
    months = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September"]
    months += ["Oktober", "November", "Dezember"]
    for iso, german in zip(*everything(data.load("dates", source="iso", target="de", n=500)), strict=True):
        day = date.fromisoformat(iso)
        assert german == f"{day.day}. {months[day.month - 1]} {day.year}"
    chinese = everything(data.load("dates", source="en", target="zh", n=500))[1]
    iso = everything(data.load("dates", source="en", target="iso", n=500))[1]
    for phrase, day in zip(chinese, map(date.fromisoformat, iso), strict=True):
        assert phrase == f"{day.year}年{day.month}月{day.day}日"


# numbers


def test_numbers_are_said_in_both_languages():
    dataset = data.load("numbers", source="digits", target="de", maximum=99, n=100)
    said = dict(zip(*everything(dataset), strict=True))
    assert sorted(map(int, said)) == list(range(100))
    assert (said["0"], said["7"], said["21"], said["99"]) == (
        "null",
        "sieben",
        "einundzwanzig",
        "neunundneunzig",
    )
    english = everything(data.load("numbers", source="digits", target="en", maximum=99, n=100))[1]
    german = everything(data.load("numbers", source="en", target="de", maximum=99, n=100))
    np.testing.assert_array_equal(english, german[0])
    assert dict(zip(*german, strict=True))["twenty-one"] == "einundzwanzig"


def test_a_number_is_in_one_part_only():
    dataset = data.load("numbers", source="digits", target="es", n=3000, maximum=5000)
    chosen = [set(part.X) for part in parts(dataset)]
    assert [len(part) for part in chosen] == [2400, 300, 300]
    assert len(set.union(*chosen)) == 3000
    assert max(map(int, set.union(*chosen))) <= 5000


@pytest.mark.parametrize("language", _makers._NUMBER_LANGUAGES)
def test_no_two_numbers_sound_alike(language):
    for maximum in (1999, 999_999):
        _, words = everything(data.load("numbers", source="digits", target=language, n=1500, maximum=maximum))
        assert len(set(words)) == 1500


# help-text


def test_help_text_is_prose_cut_into_three():
    train, valid, test = parts(data.load("help-text"))
    whole = train + valid + test
    assert 250_000 < len(whole) < 600_000
    assert abs(len(train) - 0.8 * len(whole)) < 2 and abs(len(valid) - len(test)) < 2
    assert 'The "assert" statement\n\nAssert statements are a convenient way' in whole
    assert not re.search(r"^[*=~-]{4,}$", whole, re.MULTILINE), "an underline"
    assert not re.search(r"^\+--", whole, re.MULTILINE), "a table"
    assert "\0" not in whole and "\n\n\n" not in whole


def test_help_text_repeats_no_long_paragraph():
    whole = "".join(parts(data.load("help-text")))
    long = [paragraph for paragraph in whole.split("\n\n") if len(paragraph) > 60]
    assert len(long) > 500 and len(long) == len(set(long))


# What cannot be had


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("digit", {}, ValueError, r"name .* 'shakespeare', got 'digit' \(did you mean 'digits'\?\)"),
        ("Fashion_MNIST", {}, ValueError, r"did you mean 'fashion-mnist'"),
        ("qqqq", {}, ValueError, r"got 'qqqq'\.$"),
        (None, {}, ValueError, r"got None"),
        ("moons", {"noice": 0.1}, TypeError, r"no option 'noice' \(did you mean 'noise'\?\): .* n, noise"),
        ("photos", {"n": 3}, TypeError, r"'photos' has no option 'n': it has none but seed"),
        ("moons", {"n": 3}, ValueError, r"n to be a whole number from 10 to 1,000,000, got 3"),
        ("moons", {"n": 100.0}, ValueError, r"n to be a whole number .* got 100\.0"),
        ("moons", {"n": True}, ValueError, r"n to be a whole number .* got True"),
        ("moons", {"noise": -0.1}, ValueError, r"noise to be a number that is zero or more, got -0\.1"),
        ("moons", {"noise": float("nan")}, ValueError, r"noise .* got nan"),
        ("rings", {"noise": "much"}, ValueError, r"noise .* got 'much'"),
        ("digits", {"split": "writer"}, ValueError, r"'random', 'writers', got 'writer' \(did you mean"),
        ("digits", {"seed": -1}, ValueError, r"seed to be a whole number from 0"),
        ("digits", {"seed": None}, ValueError, r"seed .* got None"),
        ("glyphs", {"n": 10**7}, ValueError, r"n to be a whole number from 100 to 200,000"),
        ("dates", {"n": 40_000}, ValueError, r"n .* to 36,525, got 40000"),
        ("dates", {"source": "eng"}, ValueError, r"source .* got 'eng' \(did you mean 'en'\?\)"),
        ("dates", {"target": "mixed"}, ValueError, r"target .* got 'mixed'"),
        ("dates", {"source": "de", "target": "de"}, ValueError, r"target to differ, got 'de' twice"),
        ("numbers", {"target": "en"}, ValueError, r"source and target to differ"),
        ("numbers", {"target": "tr"}, ValueError, r"target .* got 'tr'"),
        ("numbers", {"maximum": 10}, ValueError, r"maximum to be a whole number from 99"),
        ("numbers", {"maximum": 99, "n": 101}, ValueError, r"n .* from 10 to 100, got 101"),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded_is_told_in_one_sentence(name, options, error, message):
    with pytest.raises(error, match=message) as caught:
        data.load(name, **options)
    assert "\n" not in str(caught.value)


def test_asking_whether_an_unknown_set_is_cached_is_an_error():
    with pytest.raises(ValueError, match="did you mean 'mnist'"):
        data.cached("minst")
