import base64
import io
import itertools
import re

import numpy as np
import pytest
import torch
from matplotlib import colors
from PIL import Image

from course_lib import plotting as plot


def bundle(figure):
    return figure._repr_mimebundle_()


def test_a_figure_carries_its_alternative_text_into_every_front_end():
    figure, ax = plot.figure(alt='Loss <falls> & "settles".')
    ax.plot([1, 0])
    data, metadata = bundle(figure)
    assert metadata["image/png"]["alt"] == 'Loss <falls> & "settles".'
    assert 'alt="Loss &lt;falls&gt; &amp; &quot;settles&quot;."' in data["text/html"]
    assert data["text/plain"] == 'Figure: Loss <falls> & "settles".'
    encoded = re.search(r'base64,([^"]+)"', data["text/html"]).group(1)
    assert base64.b64decode(encoded) == data["image/png"]


def test_a_figure_without_words_is_refused():
    with pytest.raises(ValueError, match="alt"):
        plot.figure(alt=" ")


def test_figures_are_not_left_open_in_pyplot():
    import matplotlib.pyplot as plt

    plot.curves({"a": [1, 2]}, xlabel="x", ylabel="y", title="A line")
    assert plt.get_fignums() == []


def luminance(color):
    r, g, b = (c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in colors.to_rgb(color))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_colors_come_with_markers_and_lines_and_the_first_seven_are_dark_enough_for_white():
    assert len(set(plot.COLORS)) == len(plot.COLORS) == len(plot.MARKERS) == len(plot.LINES)
    assert all(luminance(color) < 0.5 for color in plot.COLORS[:7])


def test_curves_label_each_line_at_its_end_and_draw_the_band_of_several_runs():
    runs = np.array([[3.0, 2.0, 1.0], [5.0, 4.0, 3.0]])
    figure = plot.curves({"one": [3, 2, 2.5], "several": runs}, xlabel="step", ylabel="loss", title="Down")
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["several", "one"]
    assert np.allclose(ax.lines[1].get_ydata(), runs.mean(axis=0))
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(1.0)
    assert band.max() == pytest.approx(5.0)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("step", "loss", "Down")


def test_labels_of_curves_that_end_together_do_not_overlap_or_leave_the_axes():
    names = ["a", "b", "c", "d"]
    figure = plot.curves({name: [0, 1] for name in names}, xlabel="x", ylabel="y", title="Together")
    figure.canvas.draw()
    (ax,) = figure.axes
    boxes = sorted((t.get_window_extent() for t in ax.texts), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(boxes))
    assert boxes[-1].y1 <= ax.get_window_extent().y1 + 8


def test_a_curve_of_one_point_is_visible():
    figure = plot.curves({"a": [1.0]}, xlabel="x", ylabel="y", title="A point")
    assert figure.axes[0].lines[0].get_marker() == "o"


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_decision_regions_show_what_the_model_predicts(kind):
    X, y = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0, 1, 1])
    seen = []

    def predict(points):
        seen.append((points.shape, points.dtype))
        return kind((points[:, 0] > 0).astype(int))

    figure = plot.decision_regions(predict, X, y, title="Right is 1", resolution=10)
    assert seen == [((100, 2), np.dtype(np.float32))]
    regions = figure.axes[0].images[0].get_array()
    assert (regions[:, :5] == 0).all()
    assert (regions[:, 5:] == 1).all()
    markers = {tuple(c.get_paths()[0].vertices[0]) for c in figure.axes[0].collections[-2:]}
    assert len(markers) == 2  # classes differ by more than color


def test_heatmap_puts_row_0_where_the_axes_say_and_writes_numbers_in():
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    counted = plot.heatmap(values, title="Counted", annotate=".1f")
    assert counted.axes[0].images[0].origin == "upper"
    assert [t.get_text() for t in counted.axes[0].texts] == ["1.0", "2.0", "3.0", "4.0"]
    measured = plot.heatmap(values, title="Measured", extent=(0, 1, 0, 1), colorbar="height")
    assert measured.axes[0].images[0].origin == "lower"
    assert measured.axes[1].get_ylabel() == "height"


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 1, 8, 8), (5, 3, 8, 8)])
def test_images_take_grey_and_color_with_and_without_an_axis_of_channels(shape):
    figure = plot.images(np.random.default_rng(0).random(shape), title="Five", labels=range(5), columns=3)
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in shown] == ["0", "1", "2", "3", "4"]
    assert len(figure.axes) == 6
    Image.open(io.BytesIO(figure.png())).verify()


def test_images_refuse_other_shapes_with_a_sentence():
    with pytest.raises(ValueError, match=r"got \(8, 8\)"):
        plot.images(np.zeros((8, 8)), title="One")


def test_network_draws_every_unit_and_connection():
    figure = plot.network([3, 4, 2], title="3-4-2")
    (ax,) = figure.axes
    assert len(ax.patches) == 9
    assert len(ax.lines) == 3 * 4 + 4 * 2
