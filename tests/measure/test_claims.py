import json

import numpy as np
import pytest

from course_utils.measure.claims import MIME, settle


def bundle(claim):
    return claim._repr_mimebundle_()


def test_a_claim_carries_its_data_and_reads_as_markdown():
    sentence = "Fewer numbers,\n not fewer bytes."
    claim = settle("C02", "holds within limits", "48×", sentence, part="bits", source="LDM 2021")
    shown = bundle(claim)
    assert shown[MIME] == {"id": "C02", "verdict": "holds within limits", "number": "48×",
                           "sentence": "Fewer numbers, not fewer bytes.", "part": "bits", "source": "LDM 2021"}
    assert json.loads(json.dumps(shown)) == shown
    assert shown["text/markdown"].splitlines() == [
        "> ◐ **C02, bits: holds within limits** (48×)", ">", "> Fewer numbers, not fewer bytes.", ">",
        "> *Source:* LDM 2021"]
    assert "C02" in shown["text/plain"]


def test_marks_differ_and_optional_parts_stay_out():
    texts = [bundle(settle("C01", verdict, "8×", "So it is."))["text/markdown"]
             for verdict in ("holds", "holds within limits", "does not hold")]
    assert len({text[2] for text in texts}) == 3
    assert not any("Source" in text for text in texts)


def test_shown_by_ipython():
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(settle("C05", "holds", 0.93, "Local."))
    assert data[MIME]["number"] == "0.93"
    assert data["text/markdown"].startswith("> ✔ **C05")


@pytest.mark.parametrize(
    ("number", "text"), [(0.123456, "0.123"), (786432, "786,432"), (27.461, "27.5"), ("5 dB", "5 dB")]
)
def test_numbers_have_three_digits(number, text):
    assert settle("C03", "holds", number, "Yes.").number == text


@pytest.mark.parametrize("claim_id", ["C00", "C28", "c01", "C1", ""])
def test_only_claims_of_the_ledger(claim_id):
    with pytest.raises(ValueError, match="C01 to C27"):
        settle(claim_id, "holds", "1", "Yes.")


def test_only_known_verdicts():
    with pytest.raises(ValueError, match="'holds within limits'"):
        settle("C01", "true", "1", "Yes.")


@pytest.mark.parametrize(
    ("number", "sentence"), [(float("nan"), "Yes."), (float("inf"), "Yes."), ("", "Yes."), ("1", " "),
                           (float("-inf"), "Yes."), (f"{float('nan'):.0%}", "Yes."), ("nan, 3", "Yes.")]
)
def test_a_verdict_needs_a_measurement(number, sentence):
    with pytest.raises(ValueError, match="needs a measured number"):
        settle("C01", "holds", number, sentence)


def test_counts_are_told_whole_whatever_made_them():
    assert settle("C01", "holds", np.int64(12345), "Yes.").number == "12,345"
    assert settle("C01", "holds", "3 infants, no finance", "Yes.").number  # words that only contain the letters
