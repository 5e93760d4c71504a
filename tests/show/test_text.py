"""Numbers in prose: three significant digits, sizes as people say them, bounds that are checked."""

import pytest

from course_utils.show import above, below, digits, gap, say, size, table


@pytest.mark.parametrize(
    ("value", "text"),
    [(27.4961, "27.5"), (0.031249, "0.0312"), (786432, "786,432"), (16384.7, "16,400"), (9.996, "10.0"), (0.0, "0"),
     (-3.14159, "-3.14"), (99.96, "100"), (1e-6, "0.00000100")],
)  # fmt: skip
def test_three_significant_digits(value, text):
    assert digits(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_measurement_is_refused(value):
    with pytest.raises(ValueError, match="no measurement"):
        digits(value)


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(512, "512 bytes"), (2048, "2.05 KB"), (49152, "49.2 KB"), (1.1e12, "1.10 TB"),
                          (1, "1 byte"), (12, "12 bytes"), (999_999, "1.00 MB")]
)
def test_sizes(n_bytes, text):
    assert size(n_bytes) == text


def test_a_gap_has_a_direction():
    assert gap(5.871) == "5.87 dB above"
    assert gap(-0.1561) == "0.156 dB below"


def test_a_bound_is_checked_before_it_is_said():
    assert above(41.7, 40) == "more than 40"
    assert below(0.02, 0.1) == "less than 0.1"
    with pytest.raises(AssertionError, match="measured 39"):
        above(39, 40)
    with pytest.raises(AssertionError, match=r"measured 0\.2"):
        below(0.2, 0.1)


def test_sentences_are_markdown():
    assert say("**27.5** dB").data == "**27.5** dB"


def test_table_rounds_numbers_and_keeps_words():
    lines = table(["coder", "PSNR"], [["VAE", 27.4961], ["PCA", 22.31]]).data.splitlines()
    assert lines == ["| coder | PSNR |", "| :--- | ---: |", "| VAE | 27.5 |", "| PCA | 22.3 |"]


def test_ragged_table_is_refused():
    with pytest.raises(ValueError, match="needs 2 cells"):
        table(["coder", "PSNR"], [["VAE"]])
